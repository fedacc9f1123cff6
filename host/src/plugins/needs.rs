use wasmtime::Engine;
use wasmtime::component::Component;

use super::limits::{MEMORIES, TABLES};
use crate::config::CallLimits;

/// Bytes of a page of WebAssembly memory.
const PAGE: u64 = 64 << 10;

/// Whether an instance of a component fits into what a call may have.
///
/// # Errors
/// All that it needs too much of: how much that is, how much there is, and what decides it.
pub(super) fn fit(limits: &CallLimits, component: &Component) -> Result<(), Vec<String>> {
    let Some(needs) = component.resources_required() else {
        return Err(vec![
            "it instantiates a module that it imports, and no plugin gets one".to_owned(),
        ]);
    };
    let mut problems = Vec::new();
    // The engine counts in pages.
    let pages = needs.max_initial_memory_size.unwrap_or_default();
    let memory = pages.saturating_mul(PAGE);
    if memory > limits.memory as u64 && !mutant!("needs-not-compared") {
        let size = |bytes: u64| bytesize::ByteSize(bytes).display().iec().to_string();
        problems.push(format!(
            "it begins with {} of memory, and a call may have {} (`plugin-memory`)",
            size(memory),
            size(limits.memory as u64)
        ));
    }
    let elements = needs.max_initial_table_size.unwrap_or_default();
    if elements > limits.table_elements as u64 {
        problems.push(format!(
            "it begins with {elements} elements in a table, and a call may have {} (`plugin-table-elements`)",
            limits.table_elements
        ));
    }
    for (count, most, what) in [
        (needs.num_memories as usize, MEMORIES, "memories"),
        (needs.num_tables as usize, TABLES, "tables"),
    ] {
        if count > most {
            problems.push(format!(
                "it has {count} {what}, and a plugin may have {most}"
            ));
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// What is wrong with a component that the pool does not take, though it compiles. None: nothing that is known here.
pub(super) fn too_much(limits: &CallLimits, code: &[u8]) -> Option<Vec<String>> {
    // An engine without a pool takes it, and does nothing with it.
    let engine = Engine::new(&super::engine::config(limits, false, None)).ok()?;
    let component = super::compiled::load(&engine, code).ok()?;
    fit(limits, &component).err()
}
