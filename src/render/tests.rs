use std::slice;
use std::sync::{Arc, Mutex};

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::arrow::ipc::reader::FileReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn bytes(format: Format, batches: &[RecordBatch], options: &Options) -> Vec<u8> {
    let page = Page::default();
    let mut sink = sink(format, page.clone(), options);
    sink.begin(&batches[0].schema()).unwrap();
    for batch in batches {
        sink.batch(batch).unwrap();
    }
    sink.end().unwrap();
    drop(sink);
    Arc::into_inner(page.0).unwrap().into_inner().unwrap()
}

fn text(format: Format, batches: &[RecordBatch], options: &Options) -> String {
    String::from_utf8(bytes(format, batches, options)).unwrap()
}

fn terminal(width: usize, max_rows: usize) -> Options {
    Options {
        unicode: true,
        color: false,
        width: Some(width),
        max_rows: Some(max_rows),
        scrolled_rows: None,
        ..Options::default()
    }
}

/// Names of several scripts, NULLs, an empty string, a quote, a time, a list and a struct.
fn sample() -> RecordBatch {
    let pair = StructArray::from(vec![
        (
            Arc::new(Field::new("r", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(5), None, Some(1)])) as ArrayRef,
        ),
        (
            Arc::new(Field::new("seg", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec![Some("a,b"), Some("c"), None])) as ArrayRef,
        ),
    ]);
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), None]),
        None,
        Some(vec![]),
    ]);
    RecordBatch::try_from_iter_with_nullable(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 20, 300])) as ArrayRef, true),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("客户甲"), Some(""), Some("a \"b\", c|d\ne")])),
            true,
        ),
        ("amount", Arc::new(Float64Array::from(vec![Some(0.1 + 0.2), None, Some(1e21)])), true),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_514_764_800_000_000),
                Some(1_514_764_800_500_000),
                None,
            ])),
            true,
        ),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])), true),
        ("pair", Arc::new(pair), true),
        ("list", Arc::new(list), true),
    ])
    .unwrap()
}

fn numbers(rows: i64) -> RecordBatch {
    RecordBatch::try_from_iter(vec![(
        "n",
        Arc::new(Int64Array::from_iter_values(1..=rows)) as ArrayRef,
    )])
    .unwrap()
}

#[test]
fn csv_tells_null_from_empty_and_writes_nested_values_as_json() {
    insta::assert_snapshot!(text(Format::Csv, &[sample()], &Options::default()));
}

#[test]
fn tsv() {
    insta::assert_snapshot!(text(Format::Tsv, &[sample()], &Options::default()));
}

#[test]
fn json_keeps_nulls() {
    let json = text(Format::Json, &[sample(), sample()], &Options::default());
    insta::assert_snapshot!(json);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0]["amount"].as_f64(), Some(0.1 + 0.2));
}

#[test]
fn json_without_rows_is_an_empty_array() {
    assert_eq!(text(Format::Json, &[sample().slice(0, 0)], &Options::default()), "[]\n");
}

#[test]
fn ndjson() {
    insta::assert_snapshot!(text(Format::Ndjson, &[sample()], &Options::default()));
}

#[test]
fn markdown_escapes_what_would_leave_its_cell() {
    insta::assert_snapshot!(text(Format::Markdown, &[sample()], &Options::default()));
}

#[test]
fn line_shows_one_value_per_line() {
    insta::assert_snapshot!(text(Format::Line, &[sample()], &Options::default()));
}

#[test]
fn a_pipe_gets_an_ascii_table_with_everything() {
    insta::assert_snapshot!(text(Format::Box, &[sample()], &Options::default()));
}

#[test]
fn wide_characters_line_up() {
    let table = text(Format::Box, &[sample().project(&[0, 1, 2]).unwrap()], &terminal(100, 40));
    insta::assert_snapshot!(table);
    use unicode_width::UnicodeWidthStr;
    let widths: Vec<usize> = table.lines().map(|line| line.width()).collect();
    assert!(widths.windows(2).all(|w| w[0] == w[1]), "{widths:?}");
}

#[test]
fn for_a_reader_who_can_scroll_nothing_is_left_out_up_to_a_number_of_rows() {
    let scrolled = |width, rows| Options { scrolled_rows: Some(rows), ..terminal(width, 4) };
    let lines = |batch: &RecordBatch, options: &Options| {
        text(Format::Box, std::slice::from_ref(batch), options).lines().count()
    };
    // frame, names and types
    assert_eq!(lines(&numbers(4), &scrolled(60, 100)), 4 + 5);
    assert_eq!(lines(&numbers(50), &scrolled(60, 100)), 50 + 5);
    assert_eq!(lines(&numbers(50), &terminal(60, 4)), 4 + 1 + 5);
    // beyond it head and tail
    let long = text(Format::Box, &[numbers(500), numbers(500)], &scrolled(60, 100));
    assert_eq!(long.lines().count(), 100 + 1 + 5);
    assert!(long.contains(" 50 │") && !long.contains(" 51 │") && long.contains(" 451 │"), "{long}");
    // hidden columns are shown, a long text alone is cut as without a pager
    let wide = text(Format::Box, &[sample()], &scrolled(60, 100));
    assert!(!wide.contains("more"), "{wide}");
    assert_eq!(
        text(Format::Box, &[numbers(3)], &scrolled(60, 100)),
        text(Format::Box, &[numbers(3)], &terminal(60, 4))
    );
}

#[test]
fn a_narrow_terminal_hides_middle_columns_and_counts_them() {
    insta::assert_snapshot!(text(Format::Box, &[sample()], &terminal(60, 40)));
}

#[test]
fn a_long_result_shows_head_and_tail_whatever_the_batches() {
    let one = text(Format::Box, &[numbers(100)], &terminal(80, 5));
    insta::assert_snapshot!(one);
    for size in [1, 2, 3, 7, 99] {
        let all = numbers(100);
        let split: Vec<_> =
            (0..100).step_by(size).map(|at| all.slice(at, size.min(100 - at))).collect();
        assert_eq!(text(Format::Box, &split, &terminal(80, 5)), one, "batches of {size}");
    }
}

#[test]
fn a_result_that_just_fits_has_no_gap() {
    assert!(!text(Format::Box, &[numbers(5)], &terminal(80, 5)).contains('·'));
    assert!(text(Format::Box, &[numbers(6)], &terminal(80, 5)).contains('·'));
}

#[test]
fn nulls_are_dim_only_in_colour() {
    let color = Options { color: true, ..terminal(80, 40) };
    let batch = sample().project(&[2]).unwrap();
    assert!(text(Format::Box, slice::from_ref(&batch), &color).contains("\x1b[2mNULL\x1b[0m"));
    assert!(!text(Format::Box, &[batch], &terminal(80, 40)).contains('\x1b'));
}

#[test]
fn control_characters_in_data_do_not_reach_the_terminal() {
    let evil = Arc::new(StringArray::from(vec!["\x1b[31mred\x07"])) as ArrayRef;
    let batch = RecordBatch::try_from_iter(vec![("x", evil)]).unwrap();
    for format in [Format::Box, Format::Line, Format::Markdown] {
        let shown = text(format, slice::from_ref(&batch), &Options::default());
        assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{format}: {shown}");
    }
}

#[test]
fn arrow_and_parquet_read_back_the_same() {
    let batch = sample();
    let arrow = bytes(Format::Arrow, slice::from_ref(&batch), &Options::default());
    let back: Vec<_> = FileReader::try_new(std::io::Cursor::new(arrow), None)
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(back, slice::from_ref(&batch));
    let parquet = bytes(Format::Parquet, slice::from_ref(&batch), &Options::default());
    let back: Vec<_> = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet))
        .unwrap()
        .build()
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(back, [batch]);
}

#[test]
fn formats_are_known_by_name_and_by_extension() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    assert_eq!("JSONL".parse(), Ok(Format::Ndjson));
    assert_eq!(Format::from_path(Path::new("a/b.Parquet")), Some(Format::Parquet));
    assert_eq!(Format::from_path(Path::new("a/b")), None);
    assert!("xlsx".parse::<Format>().unwrap_err().contains("box, line, csv"));
}

#[test]
fn types_have_their_sql_names() {
    let schema = sample().schema();
    let names: Vec<_> = schema.fields().iter().map(|f| type_name(f.data_type())).collect();
    insta::assert_snapshot!(names.join("\n"));
}
