//! Arrow's types as PostgreSQL's: which is which, and values in text and in binary.
//!
//! A batch is brought to one Arrow type for each PostgreSQL type first ([`column`]); what is written
//! then has one case for each type that a client can see. STRUCT, MAP and lists of them are `json`.

pub(super) mod binary;
pub(super) mod column;
pub(super) mod names;
pub(super) mod numeric;
pub(super) mod parameter;
pub(super) mod row;
pub(super) mod text;

use datafusion::arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use pgwire::api::Type;
use pgwire::messages::data::{FieldDescription, RowDescription};

/// The type that clients see.
pub(super) fn pg_type(arrow: &DataType) -> Type {
    match arrow {
        DataType::Boolean => Type::BOOL,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Type::INT2,
        DataType::Int32 | DataType::UInt16 => Type::INT4,
        DataType::Int64 | DataType::UInt32 => Type::INT8,
        DataType::Float16 | DataType::Float32 => Type::FLOAT4,
        DataType::Float64 => Type::FLOAT8,
        DataType::UInt64
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Type::NUMERIC,
        DataType::Date32 | DataType::Date64 => Type::DATE,
        DataType::Time32(_) | DataType::Time64(_) => Type::TIME,
        DataType::Timestamp(_, None) => Type::TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => Type::TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => Type::INTERVAL,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Type::BYTEA,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::TEXT,
        DataType::Dictionary(_, value) => pg_type(value),
        DataType::RunEndEncoded(_, value) => pg_type(value.data_type()),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => array_of(&pg_type(item.data_type())),
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => Type::JSON,
    }
}

/// The array of a type; of what nests, `json`.
fn array_of(item: &Type) -> Type {
    ARRAYS.iter().find(|(of, _)| of == item).map_or(Type::JSON, |(_, array)| array.clone())
}

/// The type of an array's items.
pub(super) fn item_of(array: &Type) -> Option<Type> {
    ARRAYS.iter().find(|(_, a)| a == array).map(|(item, _)| item.clone())
}

const ARRAYS: &[(Type, Type)] = &[
    (Type::BOOL, Type::BOOL_ARRAY),
    (Type::INT2, Type::INT2_ARRAY),
    (Type::INT4, Type::INT4_ARRAY),
    (Type::INT8, Type::INT8_ARRAY),
    (Type::FLOAT4, Type::FLOAT4_ARRAY),
    (Type::FLOAT8, Type::FLOAT8_ARRAY),
    (Type::NUMERIC, Type::NUMERIC_ARRAY),
    (Type::DATE, Type::DATE_ARRAY),
    (Type::TIME, Type::TIME_ARRAY),
    (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
    (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
    (Type::INTERVAL, Type::INTERVAL_ARRAY),
    (Type::BYTEA, Type::BYTEA_ARRAY),
    (Type::TEXT, Type::TEXT_ARRAY),
    (Type::VARCHAR, Type::VARCHAR_ARRAY),
    (Type::BPCHAR, Type::BPCHAR_ARRAY),
    (Type::NAME, Type::NAME_ARRAY),
    (Type::OID, Type::OID_ARRAY),
    (Type::UUID, Type::UUID_ARRAY),
];

/// The Arrow type that a value of a client's type has in the engine; none for what it cannot have.
pub(super) fn arrow_type(pg: &Type) -> Option<DataType> {
    Some(match *pg {
        Type::BOOL => DataType::Boolean,
        Type::INT2 => DataType::Int16,
        Type::INT4 | Type::OID | Type::REGCLASS | Type::REGTYPE | Type::REGPROC => DataType::Int32,
        Type::INT8 => DataType::Int64,
        Type::FLOAT4 => DataType::Float32,
        Type::FLOAT8 => DataType::Float64,
        Type::NUMERIC => DataType::Decimal128(38, 10),
        Type::DATE => DataType::Date32,
        Type::TIME => DataType::Time64(TimeUnit::Microsecond),
        Type::TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::TIMESTAMPTZ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::INTERVAL => {
            DataType::Interval(datafusion::arrow::datatypes::IntervalUnit::MonthDayNano)
        }
        Type::BYTEA => DataType::Binary,
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::CHAR
        | Type::UNKNOWN
        | Type::JSON
        | Type::UUID => DataType::Utf8,
        _ => DataType::new_list(arrow_type(&item_of(pg)?)?, true),
    })
}

/// `pg_type.typlen`.
pub(super) fn length(pg: &Type) -> i16 {
    match *pg {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4
        | Type::FLOAT4
        | Type::DATE
        | Type::OID
        | Type::REGPROC
        | Type::REGCLASS
        | Type::REGTYPE
        | Type::REGNAMESPACE => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        Type::INTERVAL => 16,
        _ => -1,
    }
}

/// `pg_attribute.atttypmod`: precision and scale of a number.
pub(super) fn modifier(arrow: &DataType) -> i32 {
    match arrow {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *scale >= 0 =>
        {
            ((i32::from(*precision) << 16) | i32::from(*scale)) + 4
        }
        _ => -1,
    }
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Binary,
}

impl Format {
    /// The format of column `index` by the codes of a message: none is text, one is for all.
    pub(super) fn of(codes: &[i16], index: usize) -> Self {
        let code = match codes {
            [] => 0,
            [all] => *all,
            each => each.get(index).copied().unwrap_or(0),
        };
        if code == 1 { Self::Binary } else { Self::Text }
    }
}

/// The type of a column that a client is told: those of the catalog know theirs.
pub(super) fn told(field: &Field) -> Type {
    let metadata = field.metadata();
    if metadata.contains_key("pg.char") {
        return Type::CHAR;
    }
    let pg = match metadata.get("pg.oid_alias").map(String::as_str) {
        Some("oid") => Type::OID,
        Some("regproc") => Type::REGPROC,
        Some("regclass") => Type::REGCLASS,
        Some("regtype") => Type::REGTYPE,
        Some("regnamespace") => Type::REGNAMESPACE,
        _ => return pg_type(field.data_type()),
    };
    // only where it still is a number
    if field.data_type() == &DataType::Int32 { pg } else { pg_type(field.data_type()) }
}

/// What a client is told about columns.
pub(super) fn description(schema: &SchemaRef, codes: &[i16]) -> RowDescription {
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let pg = told(field);
        let format = if Format::of(codes, index) == Format::Binary { 1 } else { 0 };
        FieldDescription::new(
            field.name().clone(),
            0,
            0,
            pg.oid(),
            length(&pg),
            modifier(field.data_type()),
            format,
        )
    });
    RowDescription::new(fields.collect())
}
