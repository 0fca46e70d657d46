//! What a delta says of a sequence: one run as it was typed, or many in columns.

use std::borrow::Cow;

use super::content::Content;
use super::link::RunLink;
use super::run::{PieceItem, Pieces, RunItem, Side};
use crate::plain::plain;
use crate::{Dot, DotRun, Minute};

/// The runs that a delta has of a sequence, in order of dot.
///
/// A keystroke is one run of one piece, kept as it is. All else lies in columns: a run takes no memory of its own
/// then, and the content of all is in one piece.
#[derive(Clone, PartialEq, Debug)]
pub struct RunItems<C>(Kept<C>);

#[derive(Clone, PartialEq, Debug)]
enum Kept<C> {
    /// At most one, of one piece.
    Lone(Vec<RunItem<C>>),
    /// All else.
    Many(Box<Table<C>>),
}

/// Runs in order of dot, what is alive and deleted of them, and what is alive in one piece.
#[derive(Clone, PartialEq, Default, Debug)]
pub(crate) struct Table<C> {
    heads: Vec<Head>,
    pieces: Vec<Piece>,
    content: C,
}

/// A run without its pieces.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Head {
    pub(crate) start: Dot,
    pub(crate) len: u64,
    /// Its seq is 0 where there is none.
    parent: Dot,
    pub(crate) minute: Minute,
    /// The first of its pieces.
    pub(crate) piece: u32,
    /// Where what is alive of it begins, as [`Content::view_from`] counts.
    pub(crate) at: u32,
    pub(crate) side: Side,
}

/// How many elements are all alive or all deleted, and which of the two.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Piece(u64);

const NONE: Dot = Dot::new(crate::ReplicaId::new(0), 0);

impl Piece {
    pub(crate) fn new(len: u64, is_alive: bool) -> Self {
        Self(len << 1 | u64::from(is_alive))
    }

    pub(crate) fn len(self) -> u64 {
        self.0 >> 1
    }

    pub(crate) fn is_alive(self) -> bool {
        self.0 & 1 == 1
    }
}

impl Head {
    pub(crate) fn new(link: &RunLink, piece: usize, at: usize) -> Self {
        Self {
            start: link.dots.start,
            len: link.dots.len,
            parent: link.parent.unwrap_or(NONE),
            minute: link.minute,
            piece: piece as u32,
            at: at as u32,
            side: link.side,
        }
    }

    #[inline]
    pub(crate) fn parent(&self) -> Option<Dot> {
        (self.parent.seq > 0).then_some(self.parent)
    }

    pub(crate) fn set_parent(&mut self, parent: Option<Dot>, side: Side) {
        self.parent = parent.unwrap_or(NONE);
        self.side = side;
    }

    #[inline]
    pub(crate) fn dots(&self) -> DotRun {
        let &Self { start, len, .. } = self;
        DotRun { start, len }
    }

    #[inline]
    pub(crate) fn link(&self) -> RunLink {
        RunLink {
            dots: self.dots(),
            parent: self.parent(),
            side: self.side,
            minute: self.minute,
        }
    }
}

impl<C: Content> Table<C> {
    /// Of runs with their pieces, and the content of those that are alive. There are fewer than four billion of
    /// each, as of the bytes that they were written in.
    pub(crate) fn new(heads: Vec<Head>, pieces: Vec<Piece>, content: C) -> Self {
        Self {
            heads,
            pieces,
            content,
        }
    }

    pub(crate) fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// All that is alive.
    pub(crate) fn content(&self) -> &C {
        &self.content
    }

    #[inline]
    pub(crate) fn pieces_of(&self, run: usize) -> &[Piece] {
        let end = self.heads.get(run + 1);
        let end = end.map_or(self.pieces.len(), |next| next.piece as usize);
        &self.pieces[self.heads[run].piece as usize..end]
    }

    /// Gives out all runs.
    pub(crate) fn give(&self, sink: &mut dyn Sink<C>) {
        for (run, head) in self.heads.iter().enumerate() {
            // Only a table asks where its content is, and this is one already.
            sink.run(&head.link(), self.pieces_of(run), 0);
        }
        let all = self.content.extent().chars;
        sink.content(&[self.content.view(0..all)]);
    }

    fn item(&self, run: usize) -> RunItem<C> {
        let head = &self.heads[run];
        let mut at = head.at as usize;
        let own = self.pieces_of(run);
        let mut pieces = Pieces::with_capacity(own.len());
        for piece in own {
            let content = piece.is_alive().then(|| {
                let view = self.content.view_from(at, piece.len() as usize);
                at += C::raw_len(view);
                C::owned(view)
            });
            let len = piece.len();
            pieces.push(PieceItem { len, content });
        }
        RunItem {
            start: head.start,
            parent: head.parent(),
            side: head.side,
            minute: head.minute,
            pieces,
        }
    }
}

/// As a [`Table`], of what lies elsewhere.
pub(super) struct Columns<'a, C: Clone> {
    pub(super) heads: Cow<'a, [Head]>,
    /// The pieces of all runs, one after the other.
    pub(super) pieces: Cow<'a, [Piece]>,
    /// All that is alive.
    pub(super) content: Cow<'a, C>,
}

/// What takes in all runs of a sequence, in order of dot.
pub(crate) trait Sink<C: Content> {
    /// The next run, and how much of it is alive, as [`Content::view_from`] counts.
    fn run(&mut self, run: &RunLink, pieces: &[Piece], living: usize);
    /// What is alive of all of them, after the last.
    fn content(&mut self, views: &[C::View<'_>]);
}

/// Puts runs into a table.
pub(super) struct TableBuilder<C> {
    table: Table<C>,
    /// How much is alive of the runs so far.
    at: usize,
}

impl<C: Content> TableBuilder<C> {
    /// For so many runs.
    pub(super) fn with_capacity(runs: usize) -> Self {
        let (heads, pieces) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
        Self {
            table: Table::new(heads, pieces, C::default()),
            at: 0,
        }
    }

    pub(super) fn finish(self) -> Table<C> {
        self.table
    }
}

impl<C: Content> Sink<C> for TableBuilder<C> {
    fn run(&mut self, run: &RunLink, pieces: &[Piece], living: usize) {
        let head = Head::new(run, self.table.pieces.len(), self.at);
        self.table.heads.push(head);
        self.table.pieces.extend_from_slice(pieces);
        self.at += living;
    }

    fn content(&mut self, views: &[C::View<'_>]) {
        self.table.content = C::concat(views);
    }
}

impl<C> Default for RunItems<C> {
    fn default() -> Self {
        Self(Kept::Lone(Vec::new()))
    }
}

impl<C: Content> From<RunItem<C>> for RunItems<C> {
    fn from(run: RunItem<C>) -> Self {
        Self::from(vec![run])
    }
}

impl<C: Content> From<Table<C>> for RunItems<C> {
    fn from(mut table: Table<C>) -> Self {
        match (&table.heads[..], &table.pieces[..]) {
            ([], _) => Self::default(),
            ([head], [piece]) => {
                // There is nothing else in it.
                let content = std::mem::take(&mut table.content);
                let content = piece.is_alive().then_some(content);
                let len = piece.len();
                Self(Kept::Lone(vec![RunItem {
                    start: head.start,
                    parent: head.parent(),
                    side: head.side,
                    minute: head.minute,
                    pieces: PieceItem { len, content }.into(),
                }]))
            }
            _ => Self(Kept::Many(Box::new(table))),
        }
    }
}

impl<C: Content> From<Vec<RunItem<C>>> for RunItems<C> {
    fn from(runs: Vec<RunItem<C>>) -> Self {
        match &runs[..] {
            [] => Self::default(),
            [run] if run.pieces.len() == 1 => Self(Kept::Lone(runs)),
            _ => Self::from(table_of(&runs)),
        }
    }
}

fn table_of<C: Content>(runs: &[RunItem<C>]) -> Table<C> {
    let mut table = Table::default();
    let mut at = 0;
    let mut views = Vec::with_capacity(runs.len());
    for run in runs {
        let head = Head::new(&run.link(), table.pieces.len(), at);
        table.heads.push(head);
        for piece in run.pieces.iter() {
            let is_alive = piece.content.is_some();
            table.pieces.push(Piece::new(piece.len, is_alive));
            if let Some(content) = &piece.content {
                let view = content.view(0..piece.len as usize);
                at += C::raw_len(view);
                views.push(view);
            }
        }
    }
    table.content = C::concat(&views);
    table
}

impl<C: Content> RunItems<C> {
    /// How many runs there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Kept::Lone(runs) => runs.len(),
            Kept::Many(table) => table.heads.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The run, if it is the only one, and of one piece.
    pub(crate) fn lone(&self) -> &[RunItem<C>] {
        match &self.0 {
            Kept::Lone(runs) => runs,
            Kept::Many(_) => &[],
        }
    }

    /// Its table, if it is one.
    pub(crate) fn many(&self) -> Option<&Table<C>> {
        match &self.0 {
            Kept::Lone(_) => None,
            Kept::Many(table) => Some(table),
        }
    }

    /// All of them in columns, without a copy of what they hold.
    pub(super) fn columns(&self) -> Columns<'_, C> {
        let (heads, pieces, content) = match &self.0 {
            Kept::Many(table) => (
                Cow::Borrowed(&table.heads[..]),
                Cow::Borrowed(&table.pieces[..]),
                Some(&table.content),
            ),
            Kept::Lone(runs) => {
                let pieces = || runs.iter().flat_map(|run| run.pieces.iter());
                let heads = runs.iter().map(|run| Head::new(&run.link(), 0, 0));
                let lens = pieces().map(|piece| Piece::new(piece.len, piece.content.is_some()));
                let mut contents = pieces().filter_map(|piece| piece.content.as_ref());
                (heads.collect(), lens.collect(), contents.next())
            }
        };
        Columns {
            heads,
            pieces,
            content: content.map_or(Cow::Owned(C::default()), Cow::Borrowed),
        }
    }

    /// A run with a copy of what it holds.
    pub(crate) fn item(&self, run: usize) -> RunItem<C> {
        match &self.0 {
            Kept::Lone(runs) => runs[run].clone(),
            Kept::Many(table) => table.item(run),
        }
    }

    /// All of them, each with a copy of what it holds.
    pub fn iter(&self) -> impl Iterator<Item = RunItem<C>> + '_ {
        plain((0..self.len()).map(|run| self.item(run)))
    }

    /// Changes them as if each were by itself.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Vec<RunItem<C>>)) {
        let mut runs: Vec<RunItem<C>> = self.iter().collect();
        change(&mut runs);
        *self = Self::from(runs);
    }

    /// A run without its pieces.
    pub(crate) fn link(&self, run: usize) -> RunLink {
        match &self.0 {
            Kept::Lone(runs) => runs[run].link(),
            Kept::Many(table) => table.heads[run].link(),
        }
    }

    /// All of them without their pieces.
    pub(crate) fn links(&self) -> impl Iterator<Item = RunLink> + '_ {
        let lone = self.lone().iter().map(RunItem::link);
        let many = self.many().map_or(&[][..], |table| &table.heads);
        plain(lone.chain(many.iter().map(Head::link)))
    }

    /// Calls back with the dots of each.
    pub(crate) fn for_each_dots(&self, mut each: impl FnMut(DotRun)) {
        match &self.0 {
            Kept::Lone(runs) => runs.iter().for_each(|run| each(run.dots())),
            Kept::Many(table) => table.heads.iter().for_each(|head| each(head.dots())),
        }
    }

    /// What is alive and deleted of a run.
    fn pieces_of(&self, run: usize) -> impl Iterator<Item = Piece> + '_ {
        let lone = self.lone().get(run).into_iter();
        let lone = lone.flat_map(|run| run.pieces.iter());
        let lone = lone.map(|piece| Piece::new(piece.len, piece.content.is_some()));
        let many = self.many().map_or(&[][..], |table| table.pieces_of(run));
        lone.chain(many.iter().copied())
    }

    /// The dots of the living elements.
    pub(crate) fn live(&self) -> impl Iterator<Item = DotRun> + '_ {
        plain(self.inserted().map(|(_, run)| run))
    }

    /// The same, and when they were inserted.
    pub(crate) fn inserted(&self) -> impl Iterator<Item = (Minute, DotRun)> + '_ {
        plain((0..self.len()).flat_map(|run| {
            let link = self.link(run);
            let mut start = link.dots.start;
            self.pieces_of(run).filter_map(move |piece| {
                let len = piece.len();
                let run = DotRun { start, len };
                start = start.plus(len);
                piece.is_alive().then_some((link.minute, run))
            })
        }))
    }

    /// Whether any element is alive.
    pub(crate) fn has_live(&self) -> bool {
        match &self.0 {
            Kept::Lone(runs) => runs.iter().any(RunItem::has_live),
            Kept::Many(table) => table.pieces.iter().any(|piece| piece.is_alive()),
        }
    }

    /// What is alive, in order, in some parts.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &C> + Clone {
        let lone = self.lone().iter().flat_map(|run| run.pieces.iter());
        let lone = lone.filter_map(|piece| piece.content.as_ref());
        plain(lone.chain(self.many().map(|table| &table.content)))
    }
}
