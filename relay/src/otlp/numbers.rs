//! The numbers of `/metrics` as OTLP has them. They are read from that very text, so that both say the same
//! and nothing is counted twice.

use super::attribute;
use super::protobuf::Message;
use crate::traces::Value;

/// Since the start of the process: what OTLP calls cumulative.
const CUMULATIVE: u64 = 2;

/// One family of the text.
#[derive(Default)]
struct Family<'a> {
    name: &'a str,
    kind: &'a str,
    unit: &'a str,
    help: &'a str,
    samples: Vec<Sample<'a>>,
}

struct Sample<'a> {
    /// What stands behind the family's name, as `_total`.
    suffix: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: &'a str,
}

/// From when to when something was counted, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// The `Metric` messages of all families that have a value.
pub(super) fn metrics(text: &str, span: Span) -> Vec<Message> {
    let families = families(text);
    let families = families.iter().filter(|family| !family.samples.is_empty());
    families.map(|family| metric(family, span)).collect()
}

fn families(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        if let Some((word, rest)) = line.strip_prefix("# ").and_then(|it| it.split_once(' ')) {
            let (name, what) = rest.split_once(' ').unwrap_or((rest, ""));
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family {
                    name,
                    ..Family::default()
                });
            }
            let family = families.last_mut().expect("there is one by now");
            match word {
                "TYPE" => family.kind = what,
                "UNIT" => family.unit = what,
                "HELP" => family.help = what,
                _ => {}
            }
        } else if let Some(family) = families.last_mut() {
            family.samples.extend(sample(line, family.name));
        }
    }
    families
}

fn sample<'a>(line: &'a str, family: &str) -> Option<Sample<'a>> {
    let (name, value) = line.strip_prefix(family)?.rsplit_once(' ')?;
    let (suffix, labels) = name.split_once('{').unwrap_or((name, ""));
    // All values are words of ours, without a comma or a quote.
    let labels = labels.trim_end_matches('}').split(',');
    let labels = labels.filter_map(|label| {
        let (key, value) = label.split_once('=')?;
        Some((key, value.trim_matches('"')))
    });
    let labels = labels.collect();
    Some(Sample {
        suffix,
        labels,
        value,
    })
}

fn metric(family: &Family<'_>, span: Span) -> Message {
    let unit = match family.unit {
        "seconds" => "s",
        "bytes" => "By",
        other => other,
    };
    let help = family.help.trim_end_matches('.');
    let metric = Message::new().text(1, family.name).text(2, help);
    let metric = metric.text(3, unit);
    let points = || family.samples.iter().map(|sample| point(sample, span));
    let all = |points: &mut dyn Iterator<Item = Message>| {
        points.fold(Message::new(), |all, point| all.message(1, &point))
    };
    match family.kind {
        "counter" => {
            let sum = all(&mut points()).varint(2, CUMULATIVE).varint(3, 1);
            metric.message(7, &sum)
        }
        "histogram" => {
            let points = Message::new().message(1, &histogram(family, span));
            metric.message(9, &points.varint(2, CUMULATIVE))
        }
        _ => metric.message(5, &all(&mut points())),
    }
}

fn point(sample: &Sample<'_>, span: Span) -> Message {
    let point = Message::new().fixed(2, span.start).fixed(3, span.end);
    let point = match sample.value.parse::<i64>() {
        Ok(whole) => point.fixed(6, whole.cast_unsigned()),
        Err(_) => point.double(4, number(sample)),
    };
    let labels = sample.labels.iter();
    labels.fold(point, |point, &(key, value)| {
        point.message(7, &attribute(key, &Value::Text(value.to_owned())))
    })
}

/// Of a family without labels of its own: its buckets hold what fell between two bounds, where those of the
/// text hold all that lies below one.
fn histogram(family: &Family<'_>, span: Span) -> Message {
    let find = |suffix| family.samples.iter().find(|it| it.suffix == suffix);
    let buckets = || family.samples.iter().filter(|it| it.suffix == "_bucket");
    let bounds = buckets().filter_map(|bucket| {
        let (_, bound) = bucket.labels.iter().find(|(key, _)| *key == "le")?;
        bound.parse::<f64>().ok().filter(|bound| bound.is_finite())
    });
    let mut below = 0;
    let counts = buckets().map(|bucket| {
        let before = std::mem::replace(&mut below, whole(bucket));
        below - before
    });
    Message::new()
        .fixed(2, span.start)
        .fixed(3, span.end)
        .fixed(4, find("_count").map_or(0, whole))
        .double(5, find("_sum").map_or(0.0, number))
        .packed(6, counts)
        .packed(7, bounds.map(f64::to_bits))
}

fn whole(sample: &Sample<'_>) -> u64 {
    sample.value.parse().expect("the text is ours")
}

fn number(sample: &Sample<'_>) -> f64 {
    sample.value.parse().expect("the text is ours")
}
