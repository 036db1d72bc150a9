//! Tenure's errors as ADBC's: status, SQLSTATE, and what to do.

use adbc_core::constants::ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA;
use adbc_core::error::{Error as AdbcError, Status};
use tenure::{Error, ErrorKind};

/// The error as a driver manager shows it. Place and hint are in the message, which is all that
/// most programs show, and once more as details.
pub(crate) fn adbc(e: Error) -> AdbcError {
    let mut message = e.to_string();
    let mut details = vec![];
    if let Some(place) = e.place() {
        message = format!("{message} (line {}, column {})", place.line, place.column);
        details.push(("tenure.line".to_string(), place.line.to_string().into_bytes()));
        details.push(("tenure.column".to_string(), place.column.to_string().into_bytes()));
    }
    if let Some(hint) = e.hint() {
        message = format!("{message}\nhint: {hint}");
        details.push(("tenure.hint".to_string(), hint.as_bytes().to_vec()));
    }
    AdbcError {
        // C ends a text at the first NUL
        message: message.replace('\0', "\u{fffd}"),
        status: status(e.kind()),
        vendor_code: ADBC_ERROR_VENDOR_CODE_PRIVATE_DATA,
        sqlstate: sqlstate(e.kind()),
        details: Some(details),
    }
}

/// A wrong call, by an option or an argument.
pub(crate) fn usage(message: impl Into<String>) -> AdbcError {
    adbc(Error::new(ErrorKind::Usage, message))
}

/// What this driver does not do.
pub(crate) fn not_supported(message: impl Into<String>) -> AdbcError {
    adbc(Error::new(ErrorKind::NotSupported, message))
}

/// A call that comes too early or too late.
pub(crate) fn state(message: impl Into<String>) -> AdbcError {
    AdbcError { status: Status::InvalidState, ..usage(message) }
}

fn sqlstate(kind: ErrorKind) -> [std::ffi::c_char; 5] {
    let mut out = [0; 5];
    for (to, from) in out.iter_mut().zip(kind.sqlstate().bytes()) {
        *to = std::ffi::c_char::try_from(from).unwrap_or_default();
    }
    out
}

fn status(kind: ErrorKind) -> Status {
    match kind {
        ErrorKind::UndefinedTable | ErrorKind::NoFiles | ErrorKind::Gone => Status::NotFound,
        ErrorKind::Exists => Status::AlreadyExists,
        ErrorKind::NotSupported => Status::NotImplemented,
        ErrorKind::Drift | ErrorKind::Corrupt | ErrorKind::Changed | ErrorKind::Model => {
            Status::InvalidData
        }
        ErrorKind::Denied | ErrorKind::ReadOnly => Status::Unauthorized,
        ErrorKind::Unreachable | ErrorKind::Io | ErrorKind::Disk => Status::IO,
        ErrorKind::Interrupted => Status::Cancelled,
        ErrorKind::Memory => Status::Unknown,
        ErrorKind::Internal => Status::Internal,
        _ => Status::InvalidArguments,
    }
}
