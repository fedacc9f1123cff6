#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    realm_host::fuzzing::options_schema(data);
});
