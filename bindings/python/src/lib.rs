//! Tenure in Python.
