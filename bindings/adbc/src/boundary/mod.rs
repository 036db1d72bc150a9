//! What C sees, and every `unsafe` of the crate.
//!
//! `adbc_ffi` makes C functions of the driver. Three are taken over, and one is added:
//!
//! - `StatementBind` and `StatementBindStream` look at the caller's arrays before they are used
//!   (`incoming`): a malformed one is an error;
//! - `StatementExecuteQuery` hands out a stream that remembers why it failed (`outgoing`), and
//!   `ErrorFromArrayStream` tells it, so that an error in the middle of an answer has its SQLSTATE.
#![expect(unsafe_code, reason = "C's functions and pointers are what this module is for")]

mod incoming;
mod outgoing;

use std::ffi::{c_int, c_void};

use adbc_core::constants::ADBC_STATUS_OK;
use adbc_core::error::{AdbcStatusCode, Error};
use adbc_core::options::AdbcVersion;
use adbc_ffi::{FFI_AdbcDriver, FFI_AdbcError, FFIDriver, export_error};

use crate::driver::TenureDriver;
use crate::error::{not_supported, usage};

/// The entry point of the driver: fills in `driver`, an `AdbcDriver` of ADBC 1.1.0.
///
/// # Safety
/// `driver` and `error` are NULL or what `AdbcDriverInitFunc` of `adbc.h` says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AdbcDriverTenureInit(
    version: c_int,
    driver: *mut c_void,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    if driver.is_null() {
        return fail(usage("the driver to fill in is NULL"), error);
    }
    if !matches!(AdbcVersion::try_from(version), Ok(AdbcVersion::V110)) {
        return fail(not_supported("this driver speaks ADBC 1.1.0 only"), error);
    }
    let mut made = TenureDriver::ffi_driver();
    made.StatementBind = Some(incoming::bind);
    made.StatementBindStream = Some(incoming::bind_stream);
    made.StatementExecuteQuery = Some(outgoing::execute_query);
    made.ErrorFromArrayStream = Some(outgoing::error_from_stream);
    // SAFETY: not NULL, and the caller gives room for a driver of version 1.1.0
    unsafe { driver.cast::<FFI_AdbcDriver>().write_unaligned(made) };
    ADBC_STATUS_OK
}

/// The entry point by the name that a driver manager tries last.
///
/// # Safety
/// As [`AdbcDriverTenureInit`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn AdbcDriverInit(
    version: c_int,
    driver: *mut c_void,
    error: *mut FFI_AdbcError,
) -> AdbcStatusCode {
    // SAFETY: the same contract
    unsafe { AdbcDriverTenureInit(version, driver, error) }
}

/// Tells the caller an error.
fn fail(e: Error, error: *mut FFI_AdbcError) -> AdbcStatusCode {
    let status = e.status.into();
    // SAFETY: NULL, or an error that the caller initialised
    unsafe { export_error(error, e) };
    status
}
