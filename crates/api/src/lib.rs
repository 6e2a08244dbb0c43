//! The API's routes, one file per endpoint, and the console's files.
