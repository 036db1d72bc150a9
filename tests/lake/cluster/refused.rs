//! A lake whose declared order is false is refused, not believed.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, UInt32Array};
use datafusion::arrow::compute::{concat_batches, take_record_batch};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::file::properties::WriterProperties;
use tenure::ErrorKind;

use super::{QUESTIONS, Work, try_open};
use crate::support::rows::{lines, shipped};

async fn shop() -> Work {
    let work = Work::of(shipped("shop"));
    work.cluster(5_000).await.unwrap();
    work
}

/// A file of the events, by its range.
fn file(work: &Work, range: usize) -> PathBuf {
    let name = work.files().into_keys().find(|n| n.starts_with(&format!("events/{range:05}-")));
    work.dest().join("_cluster").join(name.unwrap())
}

/// Every question fails with this error, or the lake does not even open.
async fn refused(work: &Work, said: &str) {
    let tenure = match try_open(&work.dest()).await {
        Ok(tenure) => tenure,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert!(error.to_string().contains(said), "{said}: {error}");
            return;
        }
    };
    for sql in QUESTIONS {
        let error = lines(&tenure, sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{sql}: {error}");
        assert!(error.to_string().contains(said), "{said}: {sql}: {error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("tenure cluster")), "{error:?}");
    }
}

/// Writes the rows of a file in another order, and tells the manifest its new size.
fn rewrite(work: &Work, range: usize, change: impl Fn(RecordBatch) -> RecordBatch) {
    let path = file(work, range);
    let old = std::fs::metadata(&path).unwrap().len();
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap());
    let reader = reader.unwrap();
    let sorting = reader.metadata().row_group(0).sorting_columns().cloned();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let rows = change(concat_batches(&schema, &batches).unwrap());
    let properties = WriterProperties::builder().set_sorting_columns(sorting).build();
    let out = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(out, schema, Some(properties)).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let new = std::fs::metadata(&path).unwrap().len();
    let name = path.file_name().unwrap().to_str().unwrap();
    work.tamper(|text| {
        let of = |bytes: u64| format!("bytes = {bytes}, path = \"{name}\"");
        assert!(text.contains(&of(old)));
        text.replace(&of(old), &of(new))
    });
}

fn swapped(rows: RecordBatch, a: usize, b: usize) -> RecordBatch {
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.swap(a, b);
    take_record_batch(&rows, &UInt32Array::from(order)).unwrap()
}

#[tokio::test]
async fn rows_that_changed_places_are_seen_while_they_stream() {
    // customers within a row group: no footer tells
    let work = shop().await;
    rewrite(&work, 1, |rows| swapped(rows, 100, 3000));
    let tenure = try_open(&work.dest()).await.unwrap();
    for sql in QUESTIONS {
        let error = lines(&tenure, sql).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{sql}: {error}");
        let text = error.to_string();
        assert!(
            text.contains("file _cluster/events/00001-") && text.contains("is not in its order"),
            "{text}"
        );
    }
    // what does not look at customers has no use for the order
    assert_eq!(
        lines(&tenure, "SELECT count(event_type) FROM raw.events").await.unwrap(),
        ["50169"]
    );

    // two times of one customer
    let work = shop().await;
    rewrite(&work, 1, |rows| swapped(rows, 100, 101));
    refused(&work, "is not in its order").await;
}

#[tokio::test]
async fn files_and_ranges_that_were_exchanged_are_seen_at_once() {
    // a file in the range of another
    let work = shop().await;
    let [one, two] = [1, 2].map(|range| file(&work, range));
    let aside = work.folder.path().join("aside");
    std::fs::rename(&one, &aside).unwrap();
    std::fs::rename(&two, &one).unwrap();
    std::fs::rename(&aside, &two).unwrap();
    refused(&work, "bytes and not").await;

    // and the manifest says so
    let work = shop().await;
    work.tamper(|text| text.replacen("range = 1,", "range = 3,", 2));
    refused(&work, "it holds customers of another range").await;

    // a split point that is another
    let work = shop().await;
    work.tamper(|text| {
        let first = text.split("splits = [\n  ").nth(1).unwrap().split(',').next().unwrap();
        let split: i64 = first.parse().unwrap();
        text.replacen(&format!("  {split},"), &format!("  {},", split - 1), 1)
    });
    refused(&work, "it holds customers of another range").await;

    // rows that are more than there are
    let work = shop().await;
    work.tamper(|text| text.replacen("range = 1, rows = ", "range = 1, rows = 1", 2));
    refused(&work, "rows and not").await;
}

#[tokio::test]
async fn files_of_another_origin_are_seen_at_once() {
    // not sorted, by its own account
    let work = shop().await;
    let path = file(&work, 1);
    rewrite(&work, 1, |rows| rows);
    let tenure = try_open(&work.dest()).await.unwrap();
    lines(&tenure, QUESTIONS[0]).await.unwrap();
    work.tamper(|text| text.replacen("time = \"ts\"\nfiles", "time = \"ingested_at\"\nfiles", 1));
    refused(&work, "it does not say that its rows are in the order").await;

    // gone
    let work = shop().await;
    std::fs::remove_file(work.dest().join("_cluster").join(path.strip_prefix("/").unwrap())).ok();
    std::fs::remove_file(file(&work, 2)).unwrap();
    let error = try_open(&work.dest()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone, "{error}");
    assert!(error.to_string().contains("is missing"), "{error}");
}

#[tokio::test]
async fn files_that_the_manifest_does_not_name_are_not_read() {
    let work = shop().await;
    std::fs::copy(file(&work, 1), work.dest().join("_cluster/events/00001-2-left.parquet"))
        .unwrap();
    let tenure = try_open(&work.dest()).await.unwrap();
    assert_eq!(lines(&tenure, "SELECT count(*) FROM raw.events").await.unwrap(), ["50169"]);
}
