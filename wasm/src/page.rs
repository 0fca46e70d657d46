//! The page's life: put away by the browser, taken out again, gone.
//!
//! A page in the back/forward cache must hold no lock and no connection, and its id may be used by
//! another page meanwhile. So a page that is put away stores what it has, lets go of all, and a page
//! that returns takes an id anew, reads what was stored in between, and only then writes under it. An
//! edit that does not wait for that gets an id of its own.

use std::rc::Rc;

use crate::client::{Client, Far};
use crate::document::Document;
use crate::host::{self, Listener};
use crate::loading;
use crate::replica_pool::{self, Lease};
use crate::socket::Socket;

impl Client {
    /// Listens to what happens to the page.
    pub(crate) fn watch_page(&self) {
        let listen = |event, handle: fn(&Rc<Client>, bool)| {
            let weak = self.weak();
            Listener::global(event, move |event| {
                if let Some(client) = weak.upgrade() {
                    handle(&client, host::member(&event, "persisted").is_truthy());
                }
            })
        };
        let listeners = [
            listen("pagehide", |client, _| client.suspend()),
            listen("pageshow", |client, persisted| {
                if persisted {
                    client.resume();
                }
            }),
            listen("online", |client, _| {
                client.sockets.borrow().iter().for_each(Socket::hurry);
            }),
        ];
        self.listeners
            .borrow_mut()
            .extend(listeners.into_iter().flatten());
    }

    pub(crate) fn suspend(self: &Rc<Self>) {
        let documents: Vec<_> = self.documents.borrow().values().cloned().collect();
        for document in documents {
            document.commit();
            document.put_journal();
        }
        self.put_acks();
        if let Some(store) = self.store() {
            // Whoever leases our id next reads behind this transaction.
            store.commit_now();
        }
        self.suspended.set(true);
        self.hang_up();
        if let Some(tabs) = self.tabs.take() {
            tabs.leave();
        }
        self.drop_links(|far| matches!(far, Far::Tab(_)));
        self.settle_suspension();
    }

    /// Lets go of the id once everything written under it is stored.
    pub(crate) fn settle_suspension(&self) {
        if self.suspended.get() && self.store().is_none_or(|store| store.is_idle()) {
            self.lease.take();
            if self.ended.get() {
                self.store.take();
            }
        }
    }

    pub(crate) fn resume(self: &Rc<Self>) {
        if !self.suspended.replace(false) {
            return;
        }
        self.join_tabs();
        self.dial();
        // It may not have come to letting go.
        if self.lease.borrow().is_none() {
            let client = self.clone();
            host::spawn(async move { client.take_id_again().await });
        }
    }

    async fn take_id_again(self: &Rc<Self>) {
        let Some(store) = self.store() else { return };
        let Some(database) = store.database() else {
            return;
        };
        let documents: Vec<_> = self.documents.borrow().values().cloned().collect();
        let wanted = documents.first().map(|document| document.replica());
        let lease = replica_pool::lease(&database, wanted).await;
        let mut loads = Vec::new();
        for document in documents
            .iter()
            .filter(|document| document.persistent.get())
        {
            let Ok((_, records)) = store.read(&document.name).await else {
                continue;
            };
            let Ok(loaded) = loading::load(lease.replica, &records) else {
                continue;
            };
            // What could not be read may hold changes under this id.
            if loaded.damaged.is_empty() {
                loads.push((document, loaded));
            }
        }
        if self.suspended.get() {
            return;
        }
        let replica = lease.replica;
        *self.lease.borrow_mut() = Some(lease);
        for (document, loaded) in loads {
            if document.absorb(loaded) {
                document.take_replica(replica, false);
                self.announce(document);
            }
        }
    }

    /// Sees to it that a document may be written under the id it has.
    pub(crate) fn before_edit(&self, document: &Document) {
        if self.lease.borrow().is_none() && !document.has_private_id() {
            document.take_replica(Lease::for_session().replica, true);
            self.announce(document);
        }
    }
}
