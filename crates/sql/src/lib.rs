//! One small layer over the database: transactions, portable SQL, the migrator. No tables.
