//! Laws of a generated lake, on its rows.
