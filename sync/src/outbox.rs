//! What a node has to say when an input has been worked through, in order.

use std::collections::VecDeque;

use crate::message::Message;
use crate::{DocumentName, ErrorCode, Frame, LinkId, Output, ProtocolError, Reporter};

/// Outputs in the order in which they are to be carried out.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    outputs: VecDeque<Output>,
}

impl Outbox {
    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn send(&mut self, link: LinkId, message: &Message) {
        self.send_frame(link, message.encode());
    }

    pub(crate) fn send_frame(&mut self, link: LinkId, frame: Frame) {
        self.push(Output::Send { link, frame });
    }

    /// A problem that was noticed here.
    pub(crate) fn problem(
        &mut self,
        document: Option<&DocumentName>,
        link: Option<LinkId>,
        code: ErrorCode,
        value: u64,
    ) {
        let error = ProtocolError {
            code,
            value,
            reporter: Reporter::Here,
        };
        self.push(Output::Problem {
            document: document.cloned(),
            link,
            error,
        });
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Output> + '_ {
        self.outputs.drain(..)
    }
}
