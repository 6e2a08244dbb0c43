//! What the machine is, how busy it is, and which programs run: their names, and nothing that they were started with.

use std::collections::BTreeMap;
use std::path::Path;

use clerestory_activity::{Disk, Load, Machine, Process};
use sysinfo::{CpuRefreshKind, Disks, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};

const MEBIBYTE: u64 = 1024 * 1024;
/// What takes less of a core than this and less memory than that is not worth a line.
const LEAST_CPU: u32 = 1;
const LEAST_MEMORY: u32 = 8;

/// Looks at the machine now and then. What it tells of a stretch it tells from the second look on.
pub struct Watch {
    system: System,
}

impl Watch {
    /// The first look.
    ///
    /// # Errors
    /// The machine does not say what it does.
    pub fn new() -> Result<Self, sysinfo::Error> {
        let mut watch = Self { system: System::new()? };
        watch.look();
        Ok(watch)
    }

    fn look(&mut self) {
        // Neither arguments, nor environment, nor the path of a program is read.
        let of_processes = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.system.refresh_processes_specifics(ProcessesToUpdate::All, true, of_processes);
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.system.refresh_cpu_specifics(CpuRefreshKind::nothing().with_usage());
    }

    /// What ran since the look before, the busiest first, and how busy and full the machine is. `id` makes a name of where a
    /// volume is mounted that means nothing elsewhere.
    pub fn since(&mut self, id: impl Fn(&Path) -> String) -> (Vec<Process>, Load) {
        self.look();
        let mut programs: BTreeMap<String, (f32, u64)> = BTreeMap::new();
        for process in self.system.processes().values() {
            let name: String =
                process.name().to_string_lossy().chars().filter(|letter| !letter.is_control()).collect();
            if name.trim().is_empty() {
                continue;
            }
            let (cpu, memory) = programs.entry(name).or_default();
            *cpu += process.cpu_usage();
            *memory = memory.saturating_add(process.memory());
        }
        let told = |(name, (cpu, memory)): (String, (f32, u64))| Process {
            name,
            cpu: thousandths(cpu),
            memory: mebibytes(memory),
        };
        let mut list: Vec<Process> = programs.into_iter().map(told).collect();
        list.retain(|process| process.cpu >= LEAST_CPU || process.memory >= LEAST_MEMORY);
        list.sort_by(|one, other| {
            (other.cpu, other.memory, &one.name).cmp(&(one.cpu, one.memory, &other.name))
        });
        list.truncate(Process::MOST);
        let load = Load {
            cpu: thousandths(self.system.global_cpu_usage()),
            memory: mebibytes(self.system.used_memory()),
            disks: disks(id),
        };
        (list, load)
    }

    /// What the machine is. `name` is what it calls itself, or stands for that; `zone` is how many seconds its clock is
    /// ahead of UTC.
    #[must_use]
    pub fn machine(&self, name: Option<String>, zone: i32) -> Machine {
        let unknown = || "unknown".to_owned();
        let cpus = self.system.cpus();
        let processor = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
        Machine {
            name: name
                .or_else(|| System::host_name().ok())
                .filter(|name| !name.is_empty())
                .unwrap_or_else(unknown),
            system: System::long_os_version().unwrap_or_else(|_| unknown()),
            kernel: System::kernel_version().unwrap_or_else(|_| unknown()),
            processor: processor.filter(|processor| !processor.is_empty()).unwrap_or_else(unknown),
            cores: u32::try_from(cpus.len()).unwrap_or(1).max(1),
            memory: mebibytes(self.system.total_memory()),
            zone,
        }
    }
}

/// Volumes with a size, each once, however often it is mounted.
fn disks(id: impl Fn(&Path) -> String) -> Vec<Disk> {
    let mut by_device = BTreeMap::new();
    // Where the system does not say which there are, none are told of.
    let found = Disks::new_with_refreshed_list();
    let found = found.iter().flat_map(|disks| disks.iter());
    for disk in found.filter(|disk| disk.total_space() > 0) {
        by_device.entry(disk.name().to_owned()).or_insert_with(|| Disk {
            id: id(disk.mount_point()),
            total: disk.total_space() / MEBIBYTE,
            free: disk.available_space().min(disk.total_space()) / MEBIBYTE,
        });
    }
    by_device.into_values().take(Disk::MOST).collect()
}

/// Of percents of one core.
fn thousandths(percent: f32) -> u32 {
    // No machine has so many cores that it does not fit.
    (percent.max(0.0) * 10.0).round() as u32
}

fn mebibytes(bytes: u64) -> u32 {
    u32::try_from(bytes / MEBIBYTE).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    fn said(program: &str, args: &[&str]) -> String {
        String::from_utf8(Command::new(program).args(args).output().unwrap().stdout).unwrap()
    }

    #[test]
    fn it_says_what_the_system_says() {
        let mut watch = Watch::new().unwrap();
        let machine = watch.machine(None, 3600);
        assert_eq!(machine.kernel, said("uname", &["-r"]).trim());
        assert_eq!(machine.name, said("uname", &["-n"]).trim());
        assert_eq!(machine.cores.to_string(), said("nproc", &["--all"]).trim());
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
        let kib: u32 = meminfo.lines().next().unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(machine.memory.abs_diff(kib / 1024) <= kib / 1024 / 100);
        let (_, load) = watch.since(|path| path.to_string_lossy().into_owned());
        let root = load.disks.iter().find(|disk| disk.id == "/").unwrap();
        let df = said("df", &["--block-size=1M", "--output=size,avail", "/"]);
        let sizes: Vec<u64> =
            df.lines().nth(1).unwrap().split_whitespace().map(|size| size.parse().unwrap()).collect();
        assert!(root.total.abs_diff(sizes[0]) <= sizes[0] / 100);
        assert!(root.free.abs_diff(sizes[1]) <= sizes[0] / 100);
    }

    #[test]
    fn a_program_is_told_by_its_name_and_what_it_takes_and_not_by_its_arguments() {
        let mut watch = Watch::new().unwrap();
        let secret = "curlew-4411-secret";
        let busy = format!("end=$((SECONDS + 4)); while [ $SECONDS -lt $end ]; do :; done; # {secret}");
        let mut child = Command::new("bash").args(["-c", &busy]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        drop(watch.since(|_| "00000000".to_owned()));
        std::thread::sleep(Duration::from_millis(1500));
        let (list, load) = watch.since(|_| "00000000".to_owned());
        child.wait().unwrap();
        let bash = list.iter().find(|process| process.name == "bash").unwrap();
        assert!(bash.cpu > 10, "{bash:?}");
        assert!(!format!("{list:?} {load:?}").contains(secret));
    }
}
