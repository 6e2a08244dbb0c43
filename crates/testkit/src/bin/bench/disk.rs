//! What the disk can do at best: a flush, and writing in a row.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::table::{self, mb_per_s, ms, quantile, sorted};

const FLUSHES: usize = 200;
const ROW_BYTES: usize = 256 << 20;

/// Median and 99th percentile, in milliseconds, of appending 4 KiB and `fdatasync`; MB/s of writing in a row.
pub(crate) fn measure(directory: &Path) -> Result<Value, String> {
    let failed = |error: std::io::Error| format!("measuring the disk: {error}");
    let mut file = File::create(directory.join("flushes")).map_err(failed)?;
    let mut flushes = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let began = Instant::now();
        file.write_all(&[0x5a; 4096]).and_then(|()| file.sync_data()).map_err(failed)?;
        flushes.push(ms(began.elapsed()));
    }
    let mut file = File::create(directory.join("row")).map_err(failed)?;
    let piece = vec![0x5a; 1 << 20];
    let began = Instant::now();
    for _ in 0..ROW_BYTES / piece.len() {
        file.write_all(&piece).map_err(failed)?;
    }
    file.sync_data().map_err(failed)?;
    let row = mb_per_s(ROW_BYTES as u64, began.elapsed());
    for name in ["flushes", "row"] {
        std::fs::remove_file(directory.join(name)).map_err(failed)?;
    }
    let flushes = sorted(flushes);
    let (median, p99) = (quantile(&flushes, 0.5), quantile(&flushes, 0.99));
    table::print(
        &["", "median", "p99"],
        &[
            vec![
                "append 4 KiB and fdatasync, 200 times".into(),
                format!("{median:.2} ms"),
                format!("{p99:.2} ms"),
            ],
            vec!["256 MiB in a row, flushed once".into(), format!("{row:.0} MB/s"), String::new()],
        ],
    );
    Ok(json!({ "flush_median_ms": median, "flush_p99_ms": p99, "row_mb_per_s": row }))
}
