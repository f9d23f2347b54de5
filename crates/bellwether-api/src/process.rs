//! What the operating system says about this process.

/// Resources in use; numbers that the system does not tell are NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ProcessMetrics {
    /// Bytes.
    pub(crate) resident_memory: f64,
    /// Bytes.
    pub(crate) virtual_memory: f64,
    /// Seconds of processor time, in the system and outside.
    pub(crate) cpu_seconds: f64,
    pub(crate) open_files: f64,
    pub(crate) open_files_limit: f64,
    pub(crate) threads: f64,
    /// Seconds since the epoch, wall-clock time.
    pub(crate) started_seconds: f64,
}

impl ProcessMetrics {
    /// At this moment; `None` where the system does not tell.
    #[cfg(target_os = "linux")]
    pub(crate) fn now() -> Option<Self> {
        use procfs::process::{LimitValue, Process};
        use procfs::{CurrentSI, KernelStats, page_size, ticks_per_second};
        let process = Process::myself().ok()?;
        let stat = process.stat().ok()?;
        let ticks = ticks_per_second() as f64;
        let limit = |limit| match limit {
            LimitValue::Unlimited => f64::INFINITY,
            LimitValue::Value(value) => value as f64,
        };
        let booted = KernelStats::current().map_or(f64::NAN, |kernel| kernel.btime as f64);
        Some(Self {
            resident_memory: stat.rss as f64 * page_size() as f64,
            virtual_memory: stat.vsize as f64,
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            open_files: process.fd_count().map_or(f64::NAN, |count| count as f64),
            open_files_limit: process
                .limits()
                .map_or(f64::NAN, |limits| limit(limits.max_open_files.soft_limit)),
            threads: stat.num_threads as f64,
            started_seconds: booted + stat.starttime as f64 / ticks,
        })
    }

    /// At this moment; `None` where the system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn now() -> Option<Self> {
        None
    }
}
