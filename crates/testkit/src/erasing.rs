//! Carrying erasures on in a test: the clock moves where they wait for time.

use std::time::Duration;

use clerestory_lifecycle::Step;

use crate::Installation;

impl Installation {
    /// Carries erasures on until none of them goes any further by itself within some seconds.
    ///
    /// # Panics
    /// When they cannot be looked up.
    pub async fn carry_erasures_on(&self) {
        let mut idle = 0;
        while idle < 2 {
            let moved = self.app.lifecycle.work().await.expect("erasures can be looked up");
            idle = if moved == 0 { idle + 1 } else { 0 };
            self.wait(Duration::from_secs(6));
        }
    }

    /// Carries those erasures on, once, that are at this step; says how many moved.
    ///
    /// # Panics
    /// When they cannot be looked up.
    pub async fn carry_on_at(&self, step: Step) -> u64 {
        // The first look begins to wait for leases.
        let moved = self.app.lifecycle.work_at(step).await.expect("erasures can be looked up");
        if moved > 0 {
            return moved;
        }
        self.wait(Duration::from_secs(6));
        self.app.lifecycle.work_at(step).await.expect("erasures can be looked up")
    }
}
