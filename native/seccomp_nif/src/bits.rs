// SPDX-License-Identifier: Apache-2.0
//! Verdict bits: what the emulator reads instead of calling us.

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::sync::Mutex;

use memmap2::MmapMut;

use crate::abi;
use crate::emulator;
use crate::error::Error;
use crate::send::Rule;

/// The bits of one policy, known to the emulator under a number of its own.
///
/// All bits that there can ever be are reserved, so that readers never meet a
/// reallocation; the kernel gives a page of memory when its first bit is set.
pub struct VerdictBits {
    number: u32,
    // What the emulator reads to see whom the policy allows to send to.
    send: Option<Rule>,
    // Written by the emulator alone, with atomic operations.
    _memory: MmapMut,
    // The same for gates, if the policy has any.
    gates: Option<MmapMut>,
}

struct Numbers {
    next: u32,
    free: BTreeSet<u32>,
}

static NUMBERS: Mutex<Numbers> = Mutex::new(Numbers {
    next: abi::DENY_ALL + 1,
    free: BTreeSet::new(),
});

fn take_number() -> Result<u32, Error> {
    let mut numbers = NUMBERS.lock().map_err(|_| Error::Internal)?;
    if let Some(number) = numbers.free.pop_first() {
        return Ok(number);
    }
    if numbers.next >= abi::MAX_POLICIES {
        return Err(Error::TooManyPolicies);
    }
    numbers.next += 1;
    Ok(numbers.next - 1)
}

fn give_back(number: u32) {
    // A number that cannot be given back is lost, which harms nobody.
    if let Ok(mut numbers) = NUMBERS.lock() {
        numbers.free.insert(number);
    }
}

impl VerdictBits {
    /// Fresh bits, none of them set; `None` where nothing is enforced, or not
    /// this policy.
    pub fn new(
        send: Option<Rule>,
        has_gates: bool,
    ) -> Result<Option<Self>, Error> {
        let Ok(emulator) = emulator::get() else {
            return Ok(None);
        };
        if has_gates && !emulator.has_gates() {
            return Ok(None);
        }
        let bytes = abi::EXPORTS as usize / 8;
        let map = || MmapMut::map_anon(bytes).map_err(|_| Error::OutOfMemory);
        let mut memory = map()?;
        let gates = has_gates.then(map).transpose()?;
        let number = take_number()?;
        let bits = memory.as_mut_ptr().cast::<c_void>();
        // SAFETY: the memory has the size of all bits and lives in the value
        // made here, whose Drop takes the bits away first.
        if !unsafe { emulator.set_bits(number, bits) } {
            give_back(number);
            return Err(Error::TooManyPolicies);
        }
        let mut this = Self {
            number,
            send,
            _memory: memory,
            gates,
        };
        if let Some(gates) = &mut this.gates {
            let bits = gates.as_mut_ptr().cast::<c_void>();
            // SAFETY: as above.
            if !unsafe { emulator.set_gates(number, bits) } {
                return Err(Error::Internal);
            }
        }
        if let Some(rule) = &this.send {
            // SAFETY: the rule lives in a box of the value made here, whose
            // Drop takes it away first.
            if !unsafe { emulator.set_send(number, rule.as_ptr()) } {
                return Err(Error::Internal);
            }
        }
        Ok(Some(this))
    }

    /// Tells the emulator the origin of what the policy's processes send, if
    /// it has provenance. Before any process has the policy.
    pub fn set_origin(&self, origin: Option<u32>) -> Result<(), Error> {
        let emulator = emulator::get()?;
        if emulator.set_origin(self.number, origin) {
            Ok(())
        } else {
            Err(Error::Internal)
        }
    }

    /// The number that stands in the word of a process.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether there is a rule for sending.
    pub fn has_send_rule(&self) -> bool {
        self.send.is_some()
    }
}

impl Drop for VerdictBits {
    fn drop(&mut self) {
        if let Ok(emulator) = emulator::get() {
            emulator.drop_bits(self.number);
            emulator.drop_send(self.number);
            if self.gates.is_some() {
                emulator.drop_gates(self.number);
            }
        }
        give_back(self.number);
    }
}
