//! Hive partitions: `purchases/month=2017-03/part.parquet` has a column `month`.
//!
//! A column is BIGINT if every value is a whole number, DATE if every value is a day
//! (`2017-03-31`), and text otherwise. Where most values are days, one that is not is an error
//! that names its path. `__HIVE_DEFAULT_PARTITION__` is NULL; `%20` and the like are decoded. All
//! files of a table have the same partition folders, in the same order.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;

use crate::error::{Error, ErrorKind, Result};

/// Partition columns of a table and, for each file, their values.
pub(crate) struct Partitions {
    pub(crate) fields: Vec<FieldRef>,
    pub(crate) values: Vec<Vec<ScalarValue>>,
}

type Key = (String, Option<String>);

/// Reads the partition folders of `paths`, which are relative to the table; `shown` is how messages
/// name the files.
pub(crate) fn read(paths: &[String], shown: &[&str]) -> Result<Partitions> {
    let files: Vec<Vec<Key>> = paths.iter().map(|path| folders(path)).collect();
    let Some((first, first_path)) = files.first().zip(shown.first()) else {
        return Ok(Partitions { fields: vec![], values: vec![] });
    };
    let names = |keys: &[Key]| keys.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let columns = names(first);
    for (file, path) in files.iter().zip(shown) {
        if names(file) != columns {
            return Err(Error::new(
                ErrorKind::Drift,
                format!(
                    "partition folders differ: file {} has ({}), file {} has ({})",
                    first_path,
                    columns.join(", "),
                    path,
                    names(file).join(", ")
                ),
            ));
        }
    }
    let mut fields = Vec::with_capacity(columns.len());
    let mut values = vec![Vec::with_capacity(columns.len()); files.len()];
    for (at, name) in columns.iter().enumerate() {
        let column: Vec<Option<&str>> =
            files.iter().map(|keys| keys.get(at).and_then(|(_, value)| value.as_deref())).collect();
        let ty = infer(name, &column, shown)?;
        for (value, row) in column.iter().zip(&mut values) {
            row.push(scalar(*value, &ty));
        }
        let nullable = column.iter().any(Option::is_none);
        fields.push(Arc::new(Field::new(name, ty, nullable)));
    }
    Ok(Partitions { fields, values })
}

fn infer(name: &str, column: &[Option<&str>], shown: &[&str]) -> Result<DataType> {
    let given = || column.iter().flatten();
    if given().next().is_some() && given().all(|value| value.parse::<i64>().is_ok()) {
        return Ok(DataType::Int64);
    }
    let days = given().filter(|value| day(value).is_some()).count();
    let others = given().count() - days;
    if days > 0 && others == 0 {
        return Ok(DataType::Date32);
    }
    if days > others {
        let wrong =
            column.iter().zip(shown).find(|(value, _)| value.is_some_and(|v| day(v).is_none()));
        if let Some((Some(value), path)) = wrong {
            return Err(Error::new(
                ErrorKind::Drift,
                format!(
                    "partition column {name} holds days, but '{value}' in the path {path} is not one"
                ),
            )
            .with_hint("rename the folder, or use __HIVE_DEFAULT_PARTITION__ for NULL"));
        }
    }
    Ok(DataType::Utf8)
}

fn scalar(value: Option<&str>, ty: &DataType) -> ScalarValue {
    match ty {
        DataType::Int64 => ScalarValue::Int64(value.and_then(|v| v.parse().ok())),
        DataType::Date32 => ScalarValue::Date32(value.and_then(day)),
        _ => ScalarValue::Utf8(value.map(str::to_owned)),
    }
}

/// Days since 1970, of `2017-03-31` and nothing else.
fn day(text: &str) -> Option<i32> {
    if text.len() != 10 {
        return None;
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

/// Whether a folder is a partition: `key=value`.
pub(crate) fn is_partition(folder: &str) -> bool {
    folder.split_once('=').is_some_and(|(key, _)| !key.is_empty())
}

fn folders(path: &str) -> Vec<Key> {
    let folders = path.rsplit_once('/').map(|(folders, _)| folders).unwrap_or_default();
    let pairs = folders.split('/').filter_map(|folder| folder.split_once('='));
    pairs
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| {
            let null = value == "__HIVE_DEFAULT_PARTITION__";
            (decode(key), (!null).then(|| decode(value)))
        })
        .collect()
}

/// `%20` and the like; what is not valid stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        match (first, after) {
            (b'%', [a, b, tail @ ..]) if hex(*a).is_some() && hex(*b).is_some() => {
                bytes.push(hex(*a).unwrap_or_default() << 4 | hex(*b).unwrap_or_default());
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Result<Partitions> {
        let inside: Vec<String> = paths.iter().map(|p| (*p).to_owned()).collect();
        read(&inside, paths)
    }

    fn types(paths: &[&str]) -> Vec<DataType> {
        files(paths).unwrap().fields.iter().map(|f| f.data_type().clone()).collect()
    }

    #[test]
    fn types_follow_the_values() {
        assert_eq!(types(&["y=2017/m=01/a", "y=2018/m=12/b"]), [DataType::Int64, DataType::Int64]);
        assert_eq!(types(&["d=2017-01-01/a", "d=2017-02-28/b"]), [DataType::Date32]);
        assert_eq!(types(&["m=2017-01/a"]), [DataType::Utf8]);
        assert_eq!(types(&["r=1/a", "r=north/b"]), [DataType::Utf8]);
        assert!(types(&["a", "sub/b"]).is_empty());
    }

    #[test]
    fn null_and_escapes_are_decoded() {
        let p = files(&["city=New%20York/n=1/a", "city=__HIVE_DEFAULT_PARTITION__/n=2/b"]).unwrap();
        let cities: Vec<_> = p.values.iter().map(|row| row[0].clone()).collect();
        assert_eq!(cities, [ScalarValue::from("New York"), ScalarValue::Utf8(None)]);
        assert!(p.fields[0].is_nullable());
        assert_eq!(decode("a%2"), "a%2");
    }

    #[test]
    fn misfits_name_their_path() {
        let e = files(&["d=2017-01-01/a", "d=2017-01-02/b", "d=garbage/c"]).err().unwrap();
        assert!(e.to_string().contains("'garbage' in the path d=garbage/c"), "{e}");
        let e = files(&["y=1/a.parquet", "y=1/m=2/b.parquet"]).err().unwrap();
        assert_eq!(
            e.to_string(),
            "partition folders differ: file y=1/a.parquet has (y), file y=1/m=2/b.parquet has (y, m)"
        );
    }
}
