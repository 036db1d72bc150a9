use std::fs::File;

use tenure::datafusion::arrow::array::{Array, AsArray};
use tenure::datafusion::arrow::ipc::reader::FileReader;
use tenure::datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::support::program::Shop;

const PEOPLE: &str = "SELECT p.customer_id, p.name, sum(o.amount) AS revenue, max(o.ts) AS last, \
     named_struct('n', count(*), 'days', array_agg(date_part('doy', o.ts) ORDER BY o.ts)) AS detail \
     FROM people p JOIN orders o ON o.customer_id = p.customer_id \
     GROUP BY p.customer_id, p.name ORDER BY p.customer_id";

fn shown(format: &str) -> String {
    let run = Shop::new().run(&["shop", "--format", format, "-c", PEOPLE]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    run.out
}

#[test]
fn a_pipe_gets_an_ascii_box_with_wide_characters_lined_up() {
    let run = Shop::new().run(&["shop", "-c", PEOPLE]);
    insta::assert_snapshot!(run.shown());
}

#[test]
fn csv_keeps_null_and_the_empty_string_apart() {
    insta::assert_snapshot!(shown("csv"));
}

#[test]
fn tsv() {
    insta::assert_snapshot!(shown("tsv"));
}

#[test]
fn json() {
    let text = shown("json");
    insta::assert_snapshot!(text);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 4);
}

#[test]
fn ndjson() {
    insta::assert_snapshot!(shown("ndjson"));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(shown("markdown"));
}

#[test]
fn line() {
    insta::assert_snapshot!(shown("line"));
}

#[test]
fn a_long_result_is_whole_in_a_pipe() {
    let run = Shop::new().run(&["-c", "SELECT value FROM generate_series(1, 1000) ORDER BY value"]);
    assert_eq!(run.out.lines().count(), 1000 + 5);
    assert!(!run.out.contains('·'));
}

#[test]
fn the_extension_of_the_output_chooses_the_format() {
    let shop = Shop::new();
    let path = shop.folder.path().join("people.parquet");
    let run = shop.run(&["shop", "-o", "people.parquet", "-c", "SELECT * FROM people"]);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (Some(0), "", ""));
    let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    assert_eq!(file.metadata().file_metadata().num_rows(), 4);
    let run = shop.run(&["shop", "-o", "people.csv", "-c", "SELECT * FROM people ORDER BY 1"]);
    assert_eq!(run.code, Some(0));
    let text = std::fs::read_to_string(shop.folder.path().join("people.csv")).unwrap();
    assert_eq!(text, "customer_id,name\n1,王小明\n2,Zoë\n3,\n4,\"\"\n");
}

#[test]
fn lists_of_turning_points_come_back_from_every_file() {
    // short and long texts, NULLs, and a list without points
    let lists = "SELECT c, turning_points(ts, type, amount, category, TIMESTAMP '2011-09-01') AS p FROM (VALUES \
         (1, TIMESTAMP '2011-01-01T10:00:00', 'purchase', 20.0, 'tea'), (1, TIMESTAMP '2011-01-11T10:00:00', 'purchase', 25.0, 'cups'), \
         (1, TIMESTAMP '2011-05-01T10:00:00', 'add_to_cart', NULL, NULL), (2, TIMESTAMP '2011-01-01', 'page_view', NULL, NULL)) \
         t(c, ts, type, amount, category) GROUP BY c ORDER BY c";
    let shop = Shop::new();
    let json = shop.run(&["--format", "json", "-c", lists]).out;
    for text in ["first_purchase", "\"lapse\"", "cups", "own median gap 10 days", "24 hours", "[]"]
    {
        assert!(json.contains(text), "{text}: {json}");
    }
    for name in ["p.parquet", "p.arrow"] {
        let run = shop.run(&["-o", name, "-c", lists]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{name}");
    }
    let read = "SELECT * FROM 'p.parquet' ORDER BY c";
    assert_eq!(shop.run(&["--format", "json", "-c", read]).out, json);
    let csv = |sql| shop.run(&["--format", "csv", "-c", sql]).out;
    assert_eq!(csv(read), csv(lists));
    let file = File::open(shop.folder.path().join("p.arrow")).unwrap();
    let batches = FileReader::try_new(file, None).unwrap().map(Result::unwrap);
    let lengths: Vec<usize> = batches
        .flat_map(|b| {
            b.column(1)
                .as_list::<i32>()
                .iter()
                .map(|l| l.map_or(0, |l| l.len()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(lengths, [6, 0]);
}

#[test]
fn a_wrong_statement_leaves_the_output_file_alone() {
    let shop = Shop::new();
    let path = shop.folder.path().join("keep.csv");
    std::fs::write(&path, "precious\n").unwrap();
    let run = shop.run(&["-o", "keep.csv", "-c", "SELECT nonsense"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious\n");
}

#[test]
fn a_file_of_a_binary_format_holds_one_result() {
    let run = Shop::new().run(&["-o", "x.arrow", "-c", "SELECT 1; SELECT 2"]);
    insta::assert_snapshot!(run.shown());
}

#[test]
fn a_text_file_takes_several_results() {
    let shop = Shop::new();
    let run = shop.run(&["-o", "x.csv", "-c", "SELECT 1 AS a; SELECT 2 AS b"]);
    assert_eq!(run.code, Some(0));
    let text = std::fs::read_to_string(shop.folder.path().join("x.csv")).unwrap();
    assert_eq!(text, "a\n1\nb\n2\n");
}

#[test]
fn an_extension_that_stands_for_no_format_is_refused_before_anything_is_written() {
    let shop = Shop::new();
    let run = shop.run(&["-o", "out.foo", "-c", "SELECT 1"]);
    insta::assert_snapshot!(run.shown());
    assert!(!shop.folder.path().join("out.foo").exists());
    // with a format, and without an extension, any name will do
    let run = shop.run(&["-o", "out.foo", "--format", "csv", "-c", "SELECT 1 AS a"]);
    assert_eq!(run.code, Some(0), "{}", run.shown());
    assert_eq!(std::fs::read_to_string(shop.folder.path().join("out.foo")).unwrap(), "a\n1\n");
    assert_eq!(shop.run(&["-o", "out", "-c", "SELECT 1"]).code, Some(0));
    let run = shop.pipe(&[], "\\o x.foo\nSELECT 1 AS a;");
    assert_eq!(run.code, Some(2), "{}", run.shown());
}

#[test]
fn a_type_that_parquet_cannot_hold_is_refused_before_a_byte_is_written() {
    let shop = Shop::new();
    std::fs::write(shop.folder.path().join("keep.parquet"), "precious\n").unwrap();
    let sql = "SELECT 1 AS a, INTERVAL '1 day' AS \"how long\"";
    insta::assert_snapshot!(shop.run(&["--format", "parquet", "-c", sql]).shown());
    let run = shop.run(&["-o", "keep.parquet", "-c", sql]);
    assert_eq!(run.code, Some(1), "{}", run.shown());
    let kept = std::fs::read_to_string(shop.folder.path().join("keep.parquet")).unwrap();
    assert_eq!(kept, "precious\n");
    assert_eq!(shop.run(&["-o", "x.arrow", "-c", sql]).code, Some(0));
}
