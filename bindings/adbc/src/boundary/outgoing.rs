//! Answers on their way to the caller: a stream around the stream that remembers its error.

use std::ffi::{c_char, c_int, c_void};

use adbc_core::error::AdbcStatusCode;
use adbc_ffi::{FFI_AdbcError, FFI_AdbcStatement, FFIDriver};
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::ffi_stream::FFI_ArrowArrayStream;

use super::fail;
use crate::driver::TenureDriver;
use crate::error::usage;
use crate::reader::take_failure;

/// Arrow's own stream, and why it failed.
struct Remembering {
    inner: FFI_ArrowArrayStream,
    failure: Option<(AdbcStatusCode, FFI_AdbcError)>,
}

/// `AdbcStatementExecuteQuery`
///
/// # Safety
/// As `adbc.h` says.
pub(super) unsafe extern "C" fn execute_query(
    statement: *mut FFI_AdbcStatement,
    out: *mut FFI_ArrowArrayStream,
    rows_affected: *mut i64,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    let Some(execute) = TenureDriver::ffi_driver().StatementExecuteQuery else {
        return fail(usage("there is no way to run a statement"), error);
    };
    if out.is_null() {
        // SAFETY: the same contract
        return unsafe { execute(statement, out, rows_affected, error) };
    }
    let mut inner = FFI_ArrowArrayStream::empty();
    // SAFETY: the same contract; the stream to fill in is our own
    let status = unsafe { execute(statement, &raw mut inner, rows_affected, error) };
    if inner.release.is_none() {
        return status;
    }
    let private = Box::new(Remembering { inner, failure: None });
    let stream = FFI_ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(private).cast::<c_void>(),
    };
    // SAFETY: not NULL, and the caller gives room for a stream
    unsafe { out.write_unaligned(stream) };
    status
}

/// `AdbcErrorFromArrayStream`: NULL if the stream is not ours or did not fail.
///
/// # Safety
/// As `adbc.h` says; the error is the stream's own.
pub(super) unsafe extern "C" fn error_from_stream(
    stream: *mut FFI_ArrowArrayStream,
    status: *mut AdbcStatusCode,
) -> *const FFI_AdbcError {
    // SAFETY: NULL or a stream
    let ours = unsafe { stream.as_ref() }
        .and_then(|stream| stream.release)
        .is_some_and(|found| std::ptr::fn_addr_eq(found, release as unsafe extern "C" fn(_)));
    if !ours {
        return std::ptr::null();
    }
    // SAFETY: a stream of ours that is not released
    let Some((code, error)) = unsafe { remembering(stream) }.and_then(|own| own.failure.as_ref())
    else {
        return std::ptr::null();
    };
    if !status.is_null() {
        // SAFETY: not NULL, and the caller gives room for a status
        unsafe { status.write_unaligned(*code) };
    }
    error
}

/// What is behind a stream of ours.
///
/// # Safety
/// NULL or a stream that `execute_query` made; nobody else uses it meanwhile.
unsafe fn remembering<'a>(stream: *mut FFI_ArrowArrayStream) -> Option<&'a mut Remembering> {
    // SAFETY: what `execute_query` put there, until `release` sets NULL
    unsafe { stream.as_ref()?.private_data.cast::<Remembering>().as_mut() }
}

unsafe extern "C" fn get_schema(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowSchema,
) -> c_int {
    const INVALID: c_int = 22;
    // SAFETY: C calls it with the stream that it belongs to
    let Some(own) = (unsafe { remembering(stream) }) else { return INVALID };
    // SAFETY: Arrow's function with Arrow's stream
    own.inner.get_schema.map_or(INVALID, |get| unsafe { get(&raw mut own.inner, out) })
}

unsafe extern "C" fn get_next(
    stream: *mut FFI_ArrowArrayStream,
    out: *mut FFI_ArrowArray,
) -> c_int {
    const INVALID: c_int = 22;
    // SAFETY: C calls it with the stream that it belongs to
    let Some(own) = (unsafe { remembering(stream) }) else { return INVALID };
    let _before = take_failure();
    // SAFETY: Arrow's function with Arrow's stream
    let code = own.inner.get_next.map_or(INVALID, |get| unsafe { get(&raw mut own.inner, out) });
    if code != 0
        && let Some(e) = take_failure()
    {
        let status = e.status.into();
        own.failure = FFI_AdbcError::try_from(e).ok().map(|error| (status, error));
    }
    code
}

unsafe extern "C" fn get_last_error(stream: *mut FFI_ArrowArrayStream) -> *const c_char {
    // SAFETY: C calls it with the stream that it belongs to
    let Some(own) = (unsafe { remembering(stream) }) else { return std::ptr::null() };
    // SAFETY: Arrow's function with Arrow's stream
    own.inner.get_last_error.map_or(std::ptr::null(), |get| unsafe { get(&raw mut own.inner) })
}

unsafe extern "C" fn release(stream: *mut FFI_ArrowArrayStream) {
    // SAFETY: NULL or the stream that it belongs to
    let Some(stream) = (unsafe { stream.as_mut() }) else { return };
    let private = std::mem::replace(&mut stream.private_data, std::ptr::null_mut());
    stream.release = None;
    if !private.is_null() {
        // SAFETY: what `execute_query` put there, once
        drop(unsafe { Box::from_raw(private.cast::<Remembering>()) });
    }
}
