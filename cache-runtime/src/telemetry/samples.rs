//! The values of the metrics at one moment.

use std::collections::BTreeMap;

use super::instruments::{Instrument, Kind};

/// A key, as OpenTelemetry names it, and its value.
pub(crate) type Attribute = (&'static str, String);

/// The value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Count(u64),
    Number(f64),
}

/// The values of the metrics, by name and attributes.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<&'static str, BTreeMap<Vec<Attribute>, Value>>);

/// The samples of one thing.
pub(crate) struct Of<'a> {
    samples: &'a mut Samples,
    attributes: Vec<Attribute>,
}

impl Samples {
    /// The samples of what has these attributes.
    pub(crate) fn of(&mut self, attributes: &[(&'static str, &str)]) -> Of<'_> {
        let attributes = attributes.iter();
        Of {
            samples: self,
            attributes: attributes
                .map(|(key, of)| (*key, (*of).to_owned()))
                .collect(),
        }
    }

    /// The values of a metric.
    pub(crate) fn get(
        &self,
        instrument: &Instrument,
    ) -> impl Iterator<Item = (&[Attribute], Value)> {
        let of = self.0.get(instrument.name).into_iter().flatten();
        of.map(|(attributes, value)| (attributes.as_slice(), *value))
    }
}

impl Of<'_> {
    pub(crate) fn count(&mut self, instrument: &'static Instrument, count: u64) {
        self.add(instrument, None, Value::Count(count));
    }

    /// As [`count`](Self::count), with one more attribute.
    pub(crate) fn count_by(
        &mut self,
        instrument: &'static Instrument,
        key: &'static str,
        by: &str,
        count: u64,
    ) {
        self.add(instrument, Some((key, by)), Value::Count(count));
    }

    pub(crate) fn number(&mut self, instrument: &'static Instrument, number: f64) {
        self.add(instrument, None, Value::Number(number));
    }

    /// As [`number`](Self::number), with one more attribute.
    pub(crate) fn number_by(
        &mut self,
        instrument: &'static Instrument,
        key: &'static str,
        by: &str,
        number: f64,
    ) {
        self.add(instrument, Some((key, by)), Value::Number(number));
    }

    /// A number of things that are there.
    #[expect(clippy::cast_precision_loss, reason = "exporters take nothing else")]
    pub(crate) fn amount(&mut self, instrument: &'static Instrument, amount: u64) {
        self.number(instrument, amount as f64);
    }

    fn add(
        &mut self,
        instrument: &'static Instrument,
        more: Option<(&'static str, &str)>,
        value: Value,
    ) {
        debug_assert_eq!(
            matches!(value, Value::Count(_)),
            matches!(instrument.kind, Kind::Counter | Kind::Series)
        );
        let mut attributes = self.attributes.clone();
        attributes.extend(more.map(|(key, by)| (key, by.to_owned())));
        let of = self.samples.0.entry(instrument.name).or_default();
        of.entry(attributes)
            .and_modify(|known| *known = known.and(value, instrument.kind))
            .or_insert(value);
    }
}

impl Value {
    /// The value where two things have the same attributes.
    fn and(self, other: Self, kind: Kind) -> Self {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) => Self::Count(a + b),
            (Self::Number(a), Self::Number(b)) => Self::Number(match kind {
                Kind::Counter | Kind::Series | Kind::Seconds | Kind::Amount => a + b,
                Kind::Least => a.min(b),
                Kind::Greatest => a.max(b),
            }),
            (_, other) => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::instruments::{BUS_LIVE, CANARY, ENTRIES, LOADS};

    #[test]
    fn what_has_the_same_attributes_has_one_value() {
        let mut samples = Samples::default();
        for (count, number) in [(1, 0.0), (2, 3.0)] {
            let mut of = samples.of(&[("cache.name", "users")]);
            of.count(&LOADS, count);
            for instrument in [&ENTRIES, &BUS_LIVE, &CANARY] {
                of.number(instrument, number + 1.0);
            }
        }
        samples.of(&[("cache.name", "guests")]).count(&LOADS, 5);
        let values = |instrument| samples.get(instrument).map(|(_, value)| value).collect();
        let values: [Vec<_>; 4] = [&LOADS, &ENTRIES, &BUS_LIVE, &CANARY].map(values);
        assert_eq!(values[0], [Value::Count(5), Value::Count(3)]);
        assert_eq!(values[1], [Value::Number(5.0)]);
        assert_eq!(values[2], [Value::Number(1.0)]);
        assert_eq!(values[3], [Value::Number(4.0)]);
    }
}
