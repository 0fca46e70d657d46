//! What a delta says once: the replicas it speaks of, and the minute that its times are counted from.

use super::varint::{DecodeError, Reader, Writer};
use crate::{Dot, Minute, ReplicaId, Stamp};

/// The replicas that a delta speaks of, by number, and the minute that its times are counted from.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) replicas: Vec<ReplicaId>,
    pub(super) base: Minute,
}

impl Names {
    /// Whether replicas have to be told apart: where there is one, no number is written.
    pub(super) fn many(&self) -> bool {
        self.replicas.len() > 1
    }

    /// The place of a replica in the table.
    pub(super) fn number(&self, replica: ReplicaId) -> u64 {
        let number = self.replicas.binary_search(&replica);
        number.expect("the table has every replica of the delta") as u64
    }

    /// The replica at a place of the table.
    pub(super) fn replica(
        &self,
        number: u64,
        input: &Reader<'_>,
    ) -> Result<ReplicaId, DecodeError> {
        let replica = usize::try_from(number)
            .ok()
            .and_then(|number| self.replicas.get(number));
        replica
            .copied()
            .ok_or_else(|| input.error("unknown replica"))
    }

    pub(super) fn write_replica(&self, out: &mut Writer, replica: ReplicaId) {
        if self.many() {
            out.varint(self.number(replica));
        }
    }

    pub(super) fn read_replica(&self, input: &mut Reader<'_>) -> Result<ReplicaId, DecodeError> {
        let number = if self.many() { input.varint()? } else { 0 };
        self.replica(number, input)
    }

    pub(super) fn write_dot(&self, out: &mut Writer, dot: Dot) {
        self.write_replica(out, dot.replica);
        out.varint(dot.seq);
    }

    pub(super) fn read_dot(&self, input: &mut Reader<'_>) -> Result<Dot, DecodeError> {
        Ok(Dot::new(self.read_replica(input)?, input.seq()?))
    }

    pub(super) fn write_stamp(&self, out: &mut Writer, stamp: Stamp) {
        out.varint(stamp.millis() - self.base.millis());
        out.varint(u64::from(stamp.counter()));
    }

    pub(super) fn read_stamp(&self, input: &mut Reader<'_>) -> Result<Stamp, DecodeError> {
        let millis = self.base.millis().checked_add(input.varint()?);
        let millis = millis.filter(|&millis| millis <= Stamp::MILLIS_MAX);
        let millis = millis.ok_or_else(|| input.error("stamp over 64 bits"))?;
        Ok(Stamp::new(millis, read_counter(input)?))
    }

    pub(super) fn write_minute(&self, out: &mut Writer, minute: Minute) {
        out.varint(u64::from(minute.get() - self.base.get()));
    }

    pub(super) fn read_minute(&self, input: &mut Reader<'_>) -> Result<Minute, DecodeError> {
        let minute = u64::from(self.base.get()).checked_add(input.varint()?);
        let minute = minute.and_then(|minute| u32::try_from(minute).ok());
        minute
            .map(Minute::new)
            .ok_or_else(|| input.error("minute over 32 bits"))
    }
}

/// The counter of a stamp.
pub(super) fn read_counter(input: &mut Reader<'_>) -> Result<u16, DecodeError> {
    let counter = u16::try_from(input.varint()?);
    counter.map_err(|_| input.error("stamp over 64 bits"))
}

/// A column of numbers each counted from the one before, in both directions.
pub(super) struct Steps(u64);

impl Steps {
    /// The first is counted from `start`.
    pub(super) fn from(start: u64) -> Self {
        Self(start)
    }

    pub(super) fn write(&mut self, out: &mut Writer, number: u64) {
        out.signed(number.wrapping_sub(self.0).cast_signed());
        self.0 = number;
    }

    /// The next number, from `min` to `max`.
    pub(super) fn read(
        &mut self,
        input: &mut Reader<'_>,
        min: u64,
        max: u64,
        what: &'static str,
    ) -> Result<u64, DecodeError> {
        let number = self.0.checked_add_signed(input.signed()?);
        let number = number.filter(|number| (min..=max).contains(number));
        self.0 = number.ok_or_else(|| input.error(what))?;
        Ok(self.0)
    }
}
