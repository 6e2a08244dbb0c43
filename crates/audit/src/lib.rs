//! The audit log: appended in the transaction of the change, numbered and chained per organisation.
