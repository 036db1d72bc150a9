//! One schema for files that differ: widened where nothing is lost, an error everywhere else.
//!
//! | files hold | the table has |
//! | --- | --- |
//! | integers of several widths | the widest; signed and unsigned meet in the next wider signed |
//! | Float16, Float32, Float64 | the widest |
//! | decimals | digits for both, up to 38 |
//! | timestamps of several units | microseconds; nanoseconds if a file has them |
//! | timestamps of several zones | the zone of the first file (the instants stay) |
//! | any layout of text; of bytes | one layout |
//! | a column in some files only | NULL in the others |
//!
//! Everything else (numbers and text, naive and zoned timestamps, …), a name that differs only in
//! case and a name that comes twice are errors that name the files, the column and the types.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit,
};

use crate::error::{Error, ErrorKind, Result};

/// A column of the table while files are being merged.
struct Column<'a> {
    name: &'a str,
    ty: DataType,
    nullable: bool,
    /// how many files have it
    files: usize,
    /// the file that it was first seen in, and as what
    first: (&'a str, &'a DataType),
}

/// Merges the schemas of `files` (name and schema of each), without the `partitions`' columns.
pub(crate) fn merge<'a>(
    files: impl Iterator<Item = (&'a str, &'a SchemaRef)>,
    partitions: &[FieldRef],
) -> Result<SchemaRef> {
    let mut columns: Vec<Column<'a>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // files of one writer have one schema: look at it once
    let mut runs: Vec<(&str, &SchemaRef, usize)> = Vec::new();
    for (file, schema) in files {
        match runs.last_mut() {
            Some((_, last, count)) if last == &schema => *count += 1,
            _ => runs.push((file, schema, 1)),
        }
    }
    let total: usize = runs.iter().map(|(_, _, count)| count).sum();
    for (file, schema, count) in runs {
        check_names(file, schema, partitions)?;
        for field in schema.fields() {
            let Some(&at) = places.get(&field.name().to_lowercase()) else {
                places.insert(field.name().to_lowercase(), columns.len());
                columns.push(Column {
                    name: field.name(),
                    ty: layout(field.data_type()),
                    nullable: field.is_nullable(),
                    files: count,
                    first: (file, field.data_type()),
                });
                continue;
            };
            let Some(column) = columns.get_mut(at) else { continue };
            if column.name != field.name() {
                return Err(case(column.name, column.first.0, field.name(), file));
            }
            column.ty = unify(&column.ty, &layout(field.data_type()))
                .ok_or_else(|| drift(column, file, field.data_type()))?;
            column.nullable |= field.is_nullable();
            column.files += count;
        }
    }
    let partition = |name: &str| partitions.iter().any(|field| field.name() == name);
    let fields = columns.iter().filter(|column| !partition(column.name)).map(|column| {
        let nullable = column.nullable || column.files < total;
        Field::new(column.name, column.ty.clone(), nullable)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

fn check_names(file: &str, schema: &Schema, partitions: &[FieldRef]) -> Result<()> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for field in schema.fields() {
        let name = field.name().as_str();
        match seen.insert(name.to_lowercase(), name) {
            Some(other) if other == name => {
                let message = format!("file {file} has the column {name} twice");
                return Err(Error::new(ErrorKind::Drift, message));
            }
            Some(other) => return Err(case(other, file, name, file)),
            None => {}
        }
    }
    for partition in partitions {
        if let Some(name) = seen.get(&partition.name().to_lowercase())
            && name != partition.name()
        {
            let message = format!(
                "column {name} of file {file} and the partition folder {} differ only in case",
                partition.name()
            );
            return Err(Error::new(ErrorKind::Drift, message));
        }
    }
    Ok(())
}

fn case(name: &str, file: &str, other: &str, other_file: &str) -> Error {
    Error::new(
        ErrorKind::Drift,
        format!(
            "column names differ only in case: {name} in file {file}, {other} in file {other_file}"
        ),
    )
    .with_hint("write the files with one spelling")
}

fn drift(column: &Column<'_>, file: &str, ty: &DataType) -> Error {
    let (first, first_ty) = column.first;
    let message = format!(
        "column {} has types that do not fit together: {first_ty} in file {first}, {ty} in file {file}",
        column.name
    );
    let error = Error::new(ErrorKind::Drift, message);
    match (first_ty, ty) {
        (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) if a.is_some() != b.is_some() => {
            error.with_hint("one has a time zone and the other has not, so they cannot be compared")
        }
        _ => error.with_hint("name the files apart, or write them with one type"),
    }
}

fn text(ty: &DataType) -> bool {
    matches!(ty, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn binary(ty: &DataType) -> bool {
    matches!(ty, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// The layout that a column is read in.
fn layout(ty: &DataType) -> DataType {
    match ty {
        DataType::Dictionary(_, value) => layout(value),
        ty if text(ty) => DataType::Utf8View,
        ty if binary(ty) => DataType::BinaryView,
        ty => ty.clone(),
    }
}

/// The type that holds every value of both without loss.
fn unify(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, Decimal128, Float16, Float32, Float64, LargeList, List, Null, Struct, Timestamp,
        Utf8,
    };
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (a, b) if a.is_integer() && b.is_integer() => integer(a, b)?,
        (Float64, Float16 | Float32) | (Float16 | Float32, Float64) => Float64,
        (Float32, Float16) | (Float16, Float32) => Float32,
        (Decimal128(p, s), Decimal128(q, t)) => {
            let scale = *s.max(t);
            let whole = (i16::from(*p) - i16::from(*s)).max(i16::from(*q) - i16::from(*t));
            let precision = u8::try_from(whole + i16::from(scale)).ok()?;
            (precision <= 38).then_some(Decimal128(precision, scale))?
        }
        (Timestamp(u, z), Timestamp(v, y)) if z.is_some() == y.is_some() => {
            Timestamp(unit(*u, *v), z.clone())
        }
        // inside of lists and structs
        (a, b) if text(a) && text(b) => Utf8,
        (a, b) if binary(a) && binary(b) => Binary,
        (List(a), List(b)) => List(item(a, b)?),
        (LargeList(a) | List(a), LargeList(b) | List(b)) => LargeList(item(a, b)?),
        (Struct(a), Struct(b)) => Struct(fields(a, b)?),
        _ => return None,
    })
}

fn unit(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    match (a, b) {
        (a, b) if a == b => a,
        (TimeUnit::Nanosecond, _) | (_, TimeUnit::Nanosecond) => TimeUnit::Nanosecond,
        _ => TimeUnit::Microsecond,
    }
}

fn integer(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    let bits = |ty: &DataType| ty.primitive_width().unwrap_or(8) * 8;
    let (signed_a, signed_b) = (a.is_signed_integer(), b.is_signed_integer());
    let (signed, bits) = match (signed_a, signed_b) {
        (true, false) => (true, bits(a).max(bits(b) * 2)),
        (false, true) => (true, bits(b).max(bits(a) * 2)),
        _ => (signed_a, bits(a).max(bits(b))),
    };
    Some(match (signed, bits) {
        (true, 8) => Int8,
        (true, 16) => Int16,
        (true, 32) => Int32,
        (true, 64) => Int64,
        (false, 8) => UInt8,
        (false, 16) => UInt16,
        (false, 32) => UInt32,
        (false, 64) => UInt64,
        _ => return None,
    })
}

fn item(a: &FieldRef, b: &FieldRef) -> Option<FieldRef> {
    let ty = unify(a.data_type(), b.data_type())?;
    let nullable = a.is_nullable() || b.is_nullable();
    Some(Arc::new(Field::new(a.name(), ty, nullable)))
}

fn fields(a: &Fields, b: &Fields) -> Option<Fields> {
    let same = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name() == b.name());
    same.then(|| a.iter().zip(b).map(|(a, b)| item(a, b)).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::*;

    fn merged(
        a: &[(&str, DataType)],
        b: &[(&str, DataType)],
    ) -> Result<Vec<(String, DataType, bool)>> {
        let schema = |columns: &[(&str, DataType)]| {
            let fields = columns.iter().map(|(n, ty)| Field::new(*n, ty.clone(), false));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        let (a, b) = (schema(a), schema(b));
        let merged = merge([("a.parquet", &a), ("b.parquet", &b)].into_iter(), &[])?;
        let fields = merged.fields().iter();
        Ok(fields.map(|f| (f.name().clone(), f.data_type().clone(), f.is_nullable())).collect())
    }

    fn one(a: DataType, b: DataType) -> Option<DataType> {
        Some(merged(&[("x", a)], &[("x", b)]).ok()?.remove(0).1)
    }

    fn ts(unit: TimeUnit, zone: Option<&str>) -> DataType {
        Timestamp(unit, zone.map(Into::into))
    }

    #[test]
    fn safe_widening() {
        use TimeUnit::*;
        assert_eq!(one(Int8, Int64), Some(Int64));
        assert_eq!(one(UInt32, Int32), Some(Int64));
        assert_eq!(one(UInt8, UInt16), Some(UInt16));
        assert_eq!(one(Float32, Float64), Some(Float64));
        assert_eq!(one(Decimal128(10, 2), Decimal128(12, 4)), Some(Decimal128(12, 4)));
        assert_eq!(one(ts(Second, None), ts(Millisecond, None)), Some(ts(Microsecond, None)));
        assert_eq!(one(ts(Nanosecond, None), ts(Microsecond, None)), Some(ts(Nanosecond, None)));
        assert_eq!(
            one(ts(Microsecond, Some("UTC")), ts(Microsecond, Some("+00:00"))),
            Some(ts(Microsecond, Some("UTC")))
        );
        let dictionary = Dictionary(Box::new(Int32), Box::new(Utf8));
        assert_eq!(one(LargeUtf8, dictionary), Some(Utf8View));
        assert_eq!(one(Null, Utf8), Some(Utf8View));
    }

    #[test]
    fn what_would_lose_something_is_refused() {
        for (a, b) in [
            (Int64, Utf8),
            (UInt64, Int64),
            (Int64, Float64),
            (Float64, Decimal128(10, 2)),
            (Date32, ts(TimeUnit::Microsecond, None)),
            (ts(TimeUnit::Microsecond, None), ts(TimeUnit::Microsecond, Some("UTC"))),
            (Boolean, Int8),
            (Utf8, Binary),
        ] {
            assert_eq!(one(a.clone(), b.clone()), None, "{a} and {b}");
        }
        let error = merged(&[("x", Int64)], &[("x", Utf8)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column x has types that do not fit together: Int64 in file a.parquet, Utf8 in file b.parquet"
        );
    }

    #[test]
    fn missing_columns_become_nullable() {
        let columns =
            merged(&[("x", Int64), ("old", Int8)], &[("x", Int64), ("new", Int8)]).unwrap();
        let columns: Vec<_> =
            columns.iter().map(|(n, _, nullable)| (n.as_str(), *nullable)).collect();
        assert_eq!(columns, [("x", false), ("old", true), ("new", true)]);
    }

    #[test]
    fn names_that_cannot_be_told_apart_are_refused() {
        let error = merged(&[("Id", Int64)], &[("id", Int64)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column names differ only in case: Id in file a.parquet, id in file b.parquet"
        );
        let error = merged(&[("x", Int64), ("x", Int64)], &[]).unwrap_err();
        assert_eq!(error.to_string(), "file a.parquet has the column x twice");
    }
}
