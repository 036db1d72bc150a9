//! The caller's arrays and streams, looked at before they are used.
//!
//! The C data interface says nothing of how long buffers are, so that a wrong length cannot be
//! found out. What can be is: missing functions and pointers, negative lengths, children that do
//! not fit the type, offsets that run backwards, text that is not UTF-8, a message that is missing.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use adbc_core::error::{AdbcStatusCode, Error};
use adbc_ffi::{FFI_AdbcError, FFI_AdbcStatement, FFIDriver};
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi_and_data_type};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{
    Array, RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader, StructArray,
};
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use super::fail;
use crate::driver::TenureDriver;
use crate::error::usage;
use crate::guard::guarded;

/// How deep types may be nested: beyond it a made-up array would end the stack.
const DEPTH: usize = 64;

/// `AdbcStatementBind`
///
/// # Safety
/// As `adbc.h` says; `values` and `schema` are moved from.
pub(super) unsafe extern "C" fn bind(
    statement: *mut FFI_AdbcStatement,
    values: *mut FFI_ArrowArray,
    schema: *mut FFI_ArrowSchema,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    if values.is_null() || schema.is_null() {
        return fail(usage("the rows to bind are NULL"), error);
    }
    // SAFETY: not NULL; the caller gives both away
    let (values, schema) =
        unsafe { (FFI_ArrowArray::from_raw(values), FFI_ArrowSchema::from_raw(schema)) };
    let reader = guarded(|| {
        if values.is_released() || schema_is_released(&schema) {
            return Err(malformed("they were released already"));
        }
        let schema = Arc::new(Schema::try_from(&schema).map_err(|e| malformed(&e.to_string()))?);
        let batch = import(values, &schema).map_err(|e| malformed(&e.to_string()))?;
        Ok(RecordBatchIterator::new([Ok(batch)], schema))
    });
    match reader {
        Ok(reader) => pass_on(statement, Box::new(reader), error),
        Err(e) => fail(e, error),
    }
}

/// `AdbcStatementBindStream`
///
/// # Safety
/// As `adbc.h` says; `stream` is moved from.
pub(super) unsafe extern "C" fn bind_stream(
    statement: *mut FFI_AdbcStatement,
    stream: *mut FFI_ArrowArrayStream,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    if stream.is_null() {
        return fail(usage("the stream to bind is NULL"), error);
    }
    // SAFETY: not NULL; the caller gives it away
    let stream = unsafe { FFI_ArrowArrayStream::from_raw(stream) };
    match guarded(|| CheckedStream::open(stream)) {
        Ok(reader) => pass_on(statement, Box::new(reader), error),
        Err(e) => fail(e, error),
    }
}

/// Binds rows that are known to be well-formed.
fn pass_on(
    statement: *mut FFI_AdbcStatement,
    reader: Box<dyn RecordBatchReader + Send>,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    let Some(bind_stream) = TenureDriver::ffi_driver().StatementBindStream else {
        return fail(usage("there is no way to bind a stream"), error);
    };
    let mut stream = FFI_ArrowArrayStream::new(reader);
    // SAFETY: the statement and the error are the caller's, the stream is our own
    unsafe { bind_stream(statement, &raw mut stream, error) }
}

fn malformed(what: &str) -> Error {
    usage(format!("the bound rows are malformed: {what}"))
}

/// `release` is private there, and a released schema has no format.
fn schema_is_released(schema: &FFI_ArrowSchema) -> bool {
    catch_unwind(AssertUnwindSafe(|| schema.format().is_empty())).unwrap_or(true)
}

/// A stream of the caller.
struct CheckedStream {
    stream: FFI_ArrowArrayStream,
    schema: SchemaRef,
    done: bool,
}

impl CheckedStream {
    fn open(mut stream: FFI_ArrowArrayStream) -> Result<Self, Error> {
        if stream.release.is_none() {
            return Err(malformed("the stream was released already"));
        }
        let (Some(get_schema), Some(_)) = (stream.get_schema, stream.get_next) else {
            return Err(malformed("the stream has no function to read with"));
        };
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: the stream is not released, and its function is given itself
        let code = unsafe { get_schema(&raw mut stream, &raw mut schema) };
        if code != 0 {
            let why = last_error(&mut stream, code);
            return Err(usage(format!("the bound rows cannot be read: {why}")));
        }
        if schema_is_released(&schema) {
            return Err(malformed("the stream has no schema"));
        }
        let schema = Schema::try_from(&schema).map_err(|e| malformed(&e.to_string()))?;
        Ok(Self { stream, schema: Arc::new(schema), done: false })
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let Some(get_next) = self.stream.get_next else { return Ok(None) };
        let mut array = FFI_ArrowArray::empty();
        // SAFETY: the stream is not released, and its function is given itself
        let code = unsafe { get_next(&raw mut self.stream, &raw mut array) };
        if code != 0 {
            return Err(ArrowError::CDataInterface(last_error(&mut self.stream, code)));
        }
        if array.is_released() {
            return Ok(None);
        }
        import(array, &self.schema).map(Some)
    }
}

impl Iterator for CheckedStream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let read = catch_unwind(AssertUnwindSafe(|| self.read())).unwrap_or_else(|_| {
            Err(ArrowError::CDataInterface("an array does not fit its type".to_string()))
        });
        self.done = !matches!(read, Ok(Some(_)));
        // a NUL would end the text on its way through C
        let clean = |e: ArrowError| ArrowError::CDataInterface(e.to_string().replace('\0', " "));
        read.map_err(clean).transpose()
    }
}

impl RecordBatchReader for CheckedStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// What the stream says of its last error.
fn last_error(stream: &mut FFI_ArrowArrayStream, code: i32) -> String {
    let text = stream.get_last_error.map_or(std::ptr::null(), |get| {
        // SAFETY: the stream is not released, and its function is given itself
        unsafe { get(&raw mut *stream) }
    });
    if text.is_null() {
        return format!("their stream failed with error {code} and says nothing more");
    }
    // SAFETY: not NULL, and a text that C ended, which stays until the next call
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The rows of one array of structs.
fn import(array: FFI_ArrowArray, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let data_type = DataType::Struct(schema.fields().clone());
    check(&array, DEPTH)?;
    // SAFETY: the caller says that it is an array of this type; what can be checked was
    let data = unsafe { from_ffi_and_data_type(array, data_type) }?;
    data.validate_full()?;
    let options = RecordBatchOptions::new().with_row_count(Some(data.len()));
    let rows = StructArray::from(data);
    if rows.null_count() > 0 {
        return Err(ArrowError::CDataInterface("a whole row is NULL".to_string()));
    }
    RecordBatch::try_new_with_options(Arc::clone(schema), rows.into_parts().1, &options)
}

/// Numbers that cannot be meant, and pointers that are missing.
fn check(array: &FFI_ArrowArray, depth: usize) -> Result<(), ArrowError> {
    let wrong = |what: &str| Err(ArrowError::CDataInterface(what.to_string()));
    let Some(depth) = depth.checked_sub(1) else { return wrong("it is nested too deeply") };
    // lengths in bits and in 16-byte values must be numbers too
    let most = i64::MAX >> 8;
    if !(0..=most).contains(&array.length) || !(0..=most).contains(&array.offset) {
        return wrong("a length or an offset is out of range");
    }
    if !(-1..=array.length).contains(&array.null_count) {
        return wrong("a count of NULLs is out of range");
    }
    if !(0..=i64::from(i16::MAX)).contains(&array.n_children) || array.n_buffers < 0 {
        return wrong("a count of children or buffers is out of range");
    }
    if (array.n_children > 0 && array.children.is_null())
        || (array.n_buffers > 0 && array.buffers.is_null())
    {
        return wrong("its children or buffers are missing");
    }
    for index in 0..array.num_children() {
        // panics on NULL, which the caller of this function makes an error
        check(array.child(index), depth)?;
    }
    array.dictionary().map_or(Ok(()), |values| check(values, depth))
}
