use wasmtime::ResourceLimiter;

/// The most instances, tables and memories that one component may be made of.
pub(super) const INSTANCES: usize = 64;
pub(super) const TABLES: usize = 32;
pub(super) const MEMORIES: usize = 4;

/// What one call may take, and whether it was refused memory (the guest's own abort looks like any other).
#[derive(Debug)]
pub(super) struct Limiter {
    memory: usize,
    table_elements: usize,
    pub(super) memory_refused: bool,
    pub(super) memory_peak: usize,
    pub(super) table_refused: bool,
}

impl Limiter {
    pub(super) fn new(memory: usize, table_elements: usize) -> Self {
        Self {
            memory,
            table_elements,
            memory_refused: false,
            memory_peak: 0,
            table_refused: false,
        }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.memory;
        self.memory_refused |= !allowed;
        if allowed {
            self.memory_peak = self.memory_peak.max(desired);
        }
        Ok(allowed)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory_refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= self.table_elements;
        self.table_refused |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}
