//! The targets under libFuzzer: `BELLWETHER_FUZZ_TARGET` names one. `run.sh` builds and calls it.
#![no_main]

use bellwether_fuzz::{TARGETS, Target};
use cap::Cap;
use libfuzzer_sys::fuzz_target;
use std::alloc::System;
use std::backtrace::Backtrace;
use std::panic::{catch_unwind, panic_any, set_hook};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Beyond it an allocation fails and with it the input: a few thousand bytes must not become so much. The tree of one record
/// may have 4,000,000 values of 32 bytes, in a list that grows by doubling.
const MAX_BYTES: usize = 1 << 30;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, MAX_BYTES);

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("BELLWETHER_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.into_iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("BELLWETHER_FUZZ_TARGET={name:?} is none of {TARGETS:?}"))
});

/// The last panic: it is told when nobody has caught it. Decoders catch those of the crates that read Arrow and Parquet, and
/// the fuzzer's own hook would end the process at them.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fuzz_target!(
    init: set_hook(Box::new(|panic| {
        let told = format!("{panic}\n{}", Backtrace::capture());
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = told;
    })),
    |input: &[u8]| {
        if let Err(panic) = catch_unwind(|| (TARGET.run)(input)) {
            eprintln!("{}", LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner));
            panic_any(panic);
        }
    }
);
