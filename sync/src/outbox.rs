//! What a node has to say when an input has been worked through, in order.

use std::collections::VecDeque;

use crate::message::Message;
use crate::{Channel, DocumentName, ErrorCode, Frame, LinkId, Output, ProtocolError, Reporter};

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
        self.send_frame(link, message.channel(), message.encode());
    }

    pub(crate) fn send_frame(&mut self, link: LinkId, channel: Option<Channel>, frame: Frame) {
        self.push(Output::Send {
            link,
            channel,
            frame,
        });
    }

    /// Says what is wrong with what came of a document. `channel` is our number of it, for an error that
    /// overtook what was said before would be taken for the last word.
    pub(crate) fn send_error(
        &mut self,
        link: LinkId,
        channel: Option<Channel>,
        (code, about, value): (ErrorCode, Option<Channel>, u64),
    ) {
        let error = Message::Error { code, about, value };
        self.send_frame(link, channel, error.encode());
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
