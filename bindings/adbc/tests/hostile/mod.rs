//! A caller whose arrays and streams are malformed in every way that can be found out: each is an
//! error, and the driver works on.
#![expect(unsafe_code, reason = "the caller is C")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "every call is the same: C's own contract")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::sync::Arc;

use adbc_core::constants::ADBC_VERSION_1_1_0;
use adbc_driver_tenure::AdbcDriverTenureInit;
use adbc_ffi::{
    FFI_AdbcConnection, FFI_AdbcDatabase, FFI_AdbcDriver, FFI_AdbcError, FFI_AdbcStatement,
};
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, to_ffi};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{Array, Int64Array, RecordBatch, RecordBatchIterator, StringArray, StructArray};
use arrow_schema::{DataType, Field, Schema};

fn no_error() -> FFI_AdbcError {
    unsafe { std::mem::zeroed() }
}

fn message(error: &FFI_AdbcError) -> String {
    match error.message.is_null() {
        true => String::new(),
        false => unsafe { CStr::from_ptr(error.message) }.to_string_lossy().into_owned(),
    }
}

/// A connection as C holds it.
struct Caller {
    driver: FFI_AdbcDriver,
    database: FFI_AdbcDatabase,
    connection: FFI_AdbcConnection,
}

impl Caller {
    fn new() -> Self {
        let mut error = no_error();
        let mut driver: FFI_AdbcDriver = unsafe { std::mem::zeroed() };
        let at = (&raw mut driver).cast::<c_void>();
        let status = unsafe { AdbcDriverTenureInit(ADBC_VERSION_1_1_0, at, &raw mut error) };
        assert_eq!(status, 0, "{}", message(&error));
        let mut database: FFI_AdbcDatabase = unsafe { std::mem::zeroed() };
        let mut connection: FFI_AdbcConnection = unsafe { std::mem::zeroed() };
        for status in unsafe {
            [
                driver.DatabaseNew.unwrap()(&raw mut database, &raw mut error),
                driver.DatabaseInit.unwrap()(&raw mut database, &raw mut error),
                driver.ConnectionNew.unwrap()(&raw mut connection, &raw mut error),
                driver.ConnectionInit.unwrap()(
                    &raw mut connection,
                    &raw mut database,
                    &raw mut error,
                ),
            ]
        } {
            assert_eq!(status, 0, "{}", message(&error));
        }
        Self { driver, database, connection }
    }

    /// Ingests what `bind` binds, and says what came of it.
    fn ingest(
        &mut self,
        bind: impl FnOnce(&FFI_AdbcDriver, *mut FFI_AdbcStatement, *mut FFI_AdbcError) -> u8,
    ) -> Result<i64, String> {
        let mut error = no_error();
        let mut statement: FFI_AdbcStatement = unsafe { std::mem::zeroed() };
        let driver = &self.driver;
        let mut rows = -2;
        let done = (|| {
            let ok = |status: u8| if status == 0 { Ok(()) } else { Err(()) };
            let set = |key: &str, value: &str, error: *mut FFI_AdbcError, to| {
                let (key, value) = (CString::new(key).unwrap(), CString::new(value).unwrap());
                ok(unsafe {
                    driver.StatementSetOption.unwrap()(to, key.as_ptr(), value.as_ptr(), error)
                })
            };
            let (at, e) = (&raw mut statement, &raw mut error);
            ok(unsafe { driver.StatementNew.unwrap()(&raw mut self.connection, at, e) })?;
            set("adbc.ingest.target_table", "t", e, at)?;
            set("adbc.ingest.mode", "adbc.ingest.mode.replace", e, at)?;
            ok(bind(driver, at, e))?;
            ok(unsafe {
                driver.StatementExecuteQuery.unwrap()(at, std::ptr::null_mut(), &raw mut rows, e)
            })
        })();
        let text = message(&error);
        if !statement.private_data.is_null() {
            let mut error = no_error();
            unsafe { driver.StatementRelease.unwrap()(&raw mut statement, &raw mut error) };
        }
        done.map(|()| rows).map_err(|()| text)
    }

    fn ingest_stream(&mut self, stream: &mut FFI_ArrowArrayStream) -> Result<i64, String> {
        self.ingest(|driver, statement, error| unsafe {
            driver.StatementBindStream.unwrap()(statement, &raw mut *stream, error)
        })
    }

    fn ingest_array(
        &mut self,
        array: &mut FFI_ArrowArray,
        schema: &mut FFI_ArrowSchema,
    ) -> Result<i64, String> {
        self.ingest(|driver, statement, error| unsafe {
            driver.StatementBind.unwrap()(statement, &raw mut *array, &raw mut *schema, error)
        })
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut error = no_error();
        unsafe {
            self.driver.ConnectionRelease.unwrap()(&raw mut self.connection, &raw mut error);
            self.driver.DatabaseRelease.unwrap()(&raw mut self.database, &raw mut error);
        }
    }
}

fn batch() -> RecordBatch {
    let numbers = Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]));
    let texts = Arc::new(StringArray::from(vec!["a", "bc", "d"]));
    let schema = Schema::new(vec![
        Field::new("n", DataType::Int64, true),
        Field::new("s", DataType::Utf8, true),
    ]);
    RecordBatch::try_new(Arc::new(schema), vec![numbers, texts]).unwrap()
}

fn exported() -> (FFI_ArrowArray, FFI_ArrowSchema) {
    to_ffi(&StructArray::from(batch()).into_data()).unwrap()
}

fn good_stream() -> FFI_ArrowArrayStream {
    let batch = batch();
    let schema = batch.schema();
    FFI_ArrowArrayStream::new(Box::new(RecordBatchIterator::new([Ok(batch)], schema)))
}

#[test]
fn malformed_arrays_are_errors() {
    let mut caller = Caller::new();
    type Spoil = fn(&mut FFI_ArrowArray);
    let spoils: [(&str, Spoil); 10] = [
        ("a length or an offset is out of range", |a| a.length = -1),
        ("a length or an offset is out of range", |a| a.offset = i64::MIN),
        ("a length or an offset is out of range", |a| unsafe { (**a.children).length = i64::MAX }),
        ("a count of NULLs is out of range", |a| unsafe { (**a.children).null_count = -7 }),
        ("a count of NULLs is out of range", |a| unsafe { (**a.children).null_count = 4 }),
        ("a count of children or buffers is out of range", |a| a.n_children = -1),
        ("a count of children or buffers is out of range", |a| a.n_buffers = -1),
        ("malformed", |a| a.n_children = 1),
        ("malformed", |a| unsafe { (**a.children).n_buffers = 1 }),
        ("released already", |a| {
            if let Some(release) = a.release {
                unsafe { release(a) }
            }
        }),
    ];
    for (expected, spoil) in spoils {
        let (mut array, mut schema) = exported();
        spoil(&mut array);
        let found = caller.ingest_array(&mut array, &mut schema).unwrap_err();
        assert!(found.contains(expected), "{expected}: {found}");
        assert_eq!(caller.ingest_stream(&mut good_stream()), Ok(3), "after {expected}");
    }
}

#[test]
fn missing_children_and_buffers_are_errors() {
    let mut caller = Caller::new();
    let (mut array, mut schema) = exported();
    array.children = std::ptr::null_mut();
    let found = caller.ingest_array(&mut array, &mut schema).unwrap_err();
    assert!(found.contains("its children or buffers are missing"), "{found}");
    assert_eq!(caller.ingest_stream(&mut good_stream()), Ok(3));
}

#[test]
fn offsets_that_run_backwards_and_bad_text_are_errors() {
    let mut caller = Caller::new();
    for (offsets, bytes) in [([0_i32, 2, 1], *b"abcd"), ([0, 2, 4], *b"a\xff\xfeb")] {
        let mut text: FFI_ArrowArray = FFI_ArrowArray::empty();
        unsafe extern "C" fn release(array: *mut FFI_ArrowArray) {
            unsafe { (*array).release = None };
        }
        let mut buffers =
            [std::ptr::null(), offsets.as_ptr().cast::<c_void>(), bytes.as_ptr().cast::<c_void>()];
        text.length = 2;
        text.n_buffers = 3;
        text.buffers = buffers.as_mut_ptr();
        text.release = Some(release);
        let mut children = [&raw mut text];
        let mut none = [std::ptr::null::<c_void>()];
        let mut array = FFI_ArrowArray::empty();
        array.length = 2;
        array.n_buffers = 1;
        array.buffers = none.as_mut_ptr();
        array.n_children = 1;
        array.children = children.as_mut_ptr();
        array.release = Some(release);
        let of = DataType::Struct(vec![Field::new("s", DataType::Utf8, true)].into());
        let mut schema = FFI_ArrowSchema::try_from(&of).unwrap();
        let found = caller.ingest_array(&mut array, &mut schema).unwrap_err();
        assert!(found.contains("malformed"), "{found}");
        assert_eq!(caller.ingest_stream(&mut good_stream()), Ok(3));
    }
}

#[test]
fn a_batch_is_made_of_structs() {
    let mut caller = Caller::new();
    let (mut array, mut schema) = to_ffi(&Int64Array::from(vec![1]).into_data()).unwrap();
    let found = caller.ingest_array(&mut array, &mut schema).unwrap_err();
    assert!(found.contains("malformed"), "{found}");
}

#[test]
fn streams_without_functions_are_errors() {
    let mut caller = Caller::new();
    let mut stream = good_stream();
    stream.get_schema = None;
    let found = caller.ingest_stream(&mut stream).unwrap_err();
    assert!(found.contains("the stream has no function to read with"), "{found}");

    let mut stream = good_stream();
    stream.get_next = None;
    assert!(caller.ingest_stream(&mut stream).is_err());

    let mut stream = good_stream();
    assert_eq!(caller.ingest_stream(&mut stream), Ok(3));
    // it was given away
    let found = caller.ingest_stream(&mut stream).unwrap_err();
    assert!(found.contains("released already"), "{found}");
    assert!(caller.ingest_stream(&mut FFI_ArrowArrayStream::empty()).is_err());
    assert_eq!(caller.ingest_stream(&mut good_stream()), Ok(3));
}

unsafe extern "C" fn fails(_: *mut FFI_ArrowArrayStream, _: *mut FFI_ArrowArray) -> c_int {
    5
}

unsafe extern "C" fn fails_schema(_: *mut FFI_ArrowArrayStream, _: *mut FFI_ArrowSchema) -> c_int {
    5
}

unsafe extern "C" fn no_schema(_: *mut FFI_ArrowArrayStream, _: *mut FFI_ArrowSchema) -> c_int {
    0
}

unsafe extern "C" fn says_nothing(_: *mut FFI_ArrowArrayStream) -> *const c_char {
    std::ptr::null()
}

/// An array with fewer children than the stream's schema has columns.
unsafe extern "C" fn other_columns(
    _: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    let batch = batch().project(&[1]).unwrap();
    let (array, _) = to_ffi(&StructArray::from(batch).into_data()).unwrap();
    unsafe { out.write(array) };
    0
}

#[test]
fn streams_that_fail_are_errors() {
    let mut caller = Caller::new();
    let mut stream = good_stream();
    stream.get_next = Some(fails);
    stream.get_last_error = Some(says_nothing);
    let found = caller.ingest_stream(&mut stream).unwrap_err();
    assert!(found.contains("failed with error 5 and says nothing more"), "{found}");

    let mut stream = good_stream();
    stream.get_next = Some(fails);
    stream.get_last_error = None;
    assert!(caller.ingest_stream(&mut stream).is_err());

    let mut stream = good_stream();
    stream.get_schema = Some(fails_schema);
    stream.get_last_error = Some(says_nothing);
    assert!(caller.ingest_stream(&mut stream).is_err());

    let mut stream = good_stream();
    stream.get_schema = Some(no_schema);
    let found = caller.ingest_stream(&mut stream).unwrap_err();
    assert!(found.contains("the stream has no schema"), "{found}");

    let mut stream = good_stream();
    stream.get_next = Some(other_columns);
    let found = caller.ingest_stream(&mut stream).unwrap_err();
    assert!(found.contains("does not fit its type"), "{found}");

    assert_eq!(caller.ingest_stream(&mut good_stream()), Ok(3));
}

#[test]
fn null_pointers_are_errors() {
    let mut caller = Caller::new();
    let null = std::ptr::null_mut();
    let found = caller.ingest(|driver, statement, error| unsafe {
        driver.StatementBindStream.unwrap()(statement, null, error)
    });
    assert!(found.unwrap_err().contains("NULL"));
    let found = caller.ingest(|driver, statement, error| unsafe {
        driver.StatementBind.unwrap()(statement, std::ptr::null_mut(), std::ptr::null_mut(), error)
    });
    assert!(found.unwrap_err().contains("NULL"));
    let mut error = no_error();
    let status =
        unsafe { AdbcDriverTenureInit(ADBC_VERSION_1_1_0, std::ptr::null_mut(), &raw mut error) };
    assert_ne!(status, 0);
    let status = unsafe { AdbcDriverTenureInit(7, (&raw mut caller).cast(), &raw mut error) };
    assert_ne!(status, 0);
}
