//! One alarm for each link, each document and what comes in parts, and the earliest of them.

use driftwood_crdt::ordered::{BTreeMap, BTreeSet};

use crate::document::Key;
use crate::{LinkId, Time};

/// Whose alarm it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    Link(LinkId),
    Document(Key),
    Assembly,
}

/// Alarms by time. Whoever is woken looks at what is due and sets the next one, so an alarm that
/// is too early does no harm: hearing from a link moves no alarm.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Time, Alarm)>,
    times: BTreeMap<Alarm, Time>,
}

impl Timers {
    /// Sets, moves or, with `None`, removes an alarm. O(log alarms).
    pub(crate) fn set(&mut self, alarm: Alarm, time: Option<Time>) {
        if let Some(old) = self.times.remove(&alarm) {
            self.queue.remove(&(old, alarm));
        }
        if let Some(time) = time {
            self.times.insert(alarm, time);
            self.queue.insert((time, alarm));
        }
    }

    /// Takes out the first alarm that is due.
    pub(crate) fn pop_due(&mut self, now: Time) -> Option<Alarm> {
        let &(time, alarm) = self.queue.first()?;
        if time > now {
            return None;
        }
        self.set(alarm, None);
        Some(alarm)
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.queue.first().map(|&(time, _)| time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn gives_what_is_due_in_order_and_once() {
        let mut timers = Timers::default();
        let (a, b) = (Alarm::Link(LinkId(1)), Alarm::Document(1));
        timers.set(a, Some(Time::from_millis(30)));
        timers.set(b, Some(Time::from_millis(20)));
        timers.set(a, Some(Time::from_millis(10)));
        assert_eq!(timers.next(), Some(Time::from_millis(10)));
        assert_eq!(timers.pop_due(Time::from_millis(15)), Some(a));
        assert_eq!(timers.pop_due(Time::from_millis(15)), None);
        timers.set(b, None);
        assert_eq!(timers.next(), None);
    }
}
