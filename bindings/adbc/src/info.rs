//! `get_info`: what the driver and the engine are.

use std::collections::HashSet;
use std::sync::Arc;

use adbc_core::constants::ADBC_VERSION_1_1_0;
use adbc_core::error::Result;
use adbc_core::options::InfoCode;
use adbc_core::schemas::GET_INFO_SCHEMA;
use arrow_array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchIterator, StringArray, UInt32Array,
    UnionArray, new_empty_array,
};
use arrow_schema::DataType;
use tenure::datafusion;

use crate::connection::Reader;
use crate::error::usage;

enum Value {
    Text(String),
    Switch(bool),
    Number(i64),
}

/// Everything that is known, in the order of the codes.
fn known() -> Vec<(InfoCode, Value)> {
    let text = |text: &str| Value::Text(text.to_string());
    let arrow = format!("v{}", datafusion::arrow::ARROW_VERSION);
    vec![
        (InfoCode::VendorName, text("Tenure")),
        (InfoCode::VendorVersion, text(env!("CARGO_PKG_VERSION"))),
        (InfoCode::VendorArrowVersion, text(&arrow)),
        (InfoCode::VendorSql, Value::Switch(true)),
        (InfoCode::VendorSubstrait, Value::Switch(false)),
        (InfoCode::DriverName, text("Tenure ADBC driver")),
        (InfoCode::DriverVersion, text(env!("CARGO_PKG_VERSION"))),
        (InfoCode::DriverArrowVersion, text(&arrow)),
        (InfoCode::DriverAdbcVersion, Value::Number(ADBC_VERSION_1_1_0.into())),
    ]
}

/// The rows of the codes asked for; codes that are not known have none.
pub(crate) fn reader(codes: Option<&HashSet<InfoCode>>) -> Result<Reader> {
    let wanted = |code: &InfoCode| codes.is_none_or(|codes| codes.contains(code));
    let (mut names, mut types, mut offsets) = (vec![], vec![], vec![]);
    let (mut texts, mut switches, mut numbers) = (vec![], vec![], vec![]);
    for (code, value) in known().into_iter().filter(|(code, _)| wanted(code)) {
        names.push(u32::from(&code));
        let (kind, place): (i8, usize) = match value {
            Value::Text(text) => {
                texts.push(text);
                (0, texts.len())
            }
            Value::Switch(on) => {
                switches.push(on);
                (1, switches.len())
            }
            Value::Number(number) => {
                numbers.push(number);
                (2, numbers.len())
            }
        };
        types.push(kind);
        offsets.push(i32::try_from(place.saturating_sub(1)).unwrap_or_default());
    }
    let schema = Arc::clone(&GET_INFO_SCHEMA);
    let Some(DataType::Union(fields, _)) = schema.fields().get(1).map(|f| f.data_type()) else {
        return Err(usage("the standard's schema has no union"));
    };
    let filled: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(texts)),
        Arc::new(BooleanArray::from(switches)),
        Arc::new(Int64Array::from(numbers)),
    ];
    let rest = fields.iter().skip(filled.len()).map(|(_, f)| new_empty_array(f.data_type()));
    let children = filled.into_iter().chain(rest).collect();
    let values = UnionArray::try_new(fields.clone(), types.into(), Some(offsets.into()), children)?;
    let columns: Vec<ArrayRef> = vec![Arc::new(UInt32Array::from(names)), Arc::new(values)];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    Ok(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}
