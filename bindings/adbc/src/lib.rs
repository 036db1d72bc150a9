//! ADBC driver of Tenure.
