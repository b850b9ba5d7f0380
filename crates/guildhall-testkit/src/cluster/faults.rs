//! Faults of a cluster: partitions and delays of its network, and faults of its backends.

use std::ops::Range;
use std::time::Duration;

use super::Cluster;
use crate::faulty::{Seam, SeamFaults};

/// Hosts are named by the ids of their apps; those of clients are `client-1`, `client-2`, and so on.
impl Cluster {
    /// Stalls all bytes and connects between two hosts, both ways, until they are healed. Nothing is lost and nothing fails
    /// but by deadlines, as with packets that are sent again and again.
    pub fn partition(&self, a: &str, b: &str) {
        self.partition_one_way(a, b);
        self.partition_one_way(b, a);
    }

    /// Stalls all that `from` sends to `to`, and nothing that comes back.
    pub fn partition_one_way(&self, from: &str, to: &str) {
        self.net.cut(from, to, true);
    }

    /// Ends the partition of two hosts: what was stalled arrives, in its order.
    pub fn heal(&self, a: &str, b: &str) {
        self.net.cut(a, b, false);
        self.net.cut(b, a, false);
    }

    /// Ends all partitions.
    pub fn heal_all(&self) {
        self.net.heal_all();
    }

    /// Sets how long what is sent from now on travels between two hosts, each way: a random time of this range for each write.
    pub fn delay(&self, a: &str, b: &str, each_way: Range<Duration>) {
        self.delay_one_way(a, b, each_way.clone());
        self.delay_one_way(b, a, each_way);
    }

    /// As [`Cluster::delay`], for what `from` sends to `to`.
    pub fn delay_one_way(&self, from: &str, to: &str, delay: Range<Duration>) {
        self.net.delay(from, to, Some(delay));
    }

    /// Ends the delays between two hosts: what is sent from now on is as fast as within a building.
    pub fn end_delay(&self, a: &str, b: &str) {
        self.net.delay(a, b, None);
        self.net.delay(b, a, None);
    }

    /// Ends all delays.
    pub fn end_delays(&self) {
        self.net.all_near();
    }

    /// Sets what goes wrong between an app, in all its lives, and one of its backends. Others see the backend as before.
    pub fn set_faults(&self, id: &str, seam: Seam, faults: SeamFaults) {
        self.member(id).ways.to(seam).set(faults);
    }

    /// As [`Cluster::set_faults`], for each app that there is.
    pub fn set_faults_of_all(&self, seam: Seam, faults: &SeamFaults) {
        self.members.values().for_each(|member| member.ways.to(seam).set(faults.clone()));
    }

    /// Ends the lease backend as SIGKILL does, and begins it anew at once, from what it has kept: what it has answered. Requests
    /// that are on their way arrive at the new one. [`Cluster::set_faults_of_all`] makes it be away for a while.
    pub fn restart_leases(&self) {
        self.leases.restart();
    }

    /// From now on the lease backend keeps its epochs, and not who holds what: to show what goes wrong then.
    pub fn leases_forget_holders(&self) {
        self.leases.forget_holders();
    }

    /// The disk of the store and of the lease backend is full, or is not any more: changes are refused, reads go on.
    pub fn set_disk_full(&self, is_full: bool) {
        self.leases.set_full(is_full);
        self.members.values().for_each(|member| member.ways.to(Seam::Store).set_full(is_full));
    }

    /// As [`Cluster::set_wall_step`], of one app in all its lives.
    pub fn set_wall_step_of(&mut self, id: &str, ahead_ns: i64) {
        let member = self.member_mut(id);
        member.wall_step_ns = ahead_ns;
        if let Some(life) = &member.life {
            life.env.set_wall_step(ahead_ns);
        }
    }

    /// Ends all faults of backends.
    pub fn end_faults(&self) {
        self.set_disk_full(false);
        Seam::ALL.into_iter().for_each(|seam| {
            self.set_faults_of_all(seam, &SeamFaults::default());
        });
    }
}
