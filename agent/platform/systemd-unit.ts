import type { Directories } from "../config/directories.ts";

export const UNIT_NAME = "restic-manager-agent.service";
/** Where an administrator's units lie (systemd.unit(5)); a package puts its own below /usr/lib. */
export const UNIT_FILE = `/etc/systemd/system/${UNIT_NAME}`;

export interface UnitPlan {
  /** The agent's program by its absolute path, and what comes before `run`. */
  command: readonly string[];
  directories: Directories;
  /** Directories that the agent finds by itself go without saying. */
  defaults: Directories;
}

/**
 * The whole text of the agent's unit. `service install`, install.sh and the packages all use this one. Its sandbox is
 * what an agent can bear that reads every file and restores any of them anywhere; `systemd-analyze security` gives 3.6.
 */
export function unitText({ command, directories, defaults }: UnitPlan): string {
  const argv = [
    ...command,
    "run",
    ...(directories.config === defaults.config ? [] : ["--config-dir", directories.config]),
    ...(directories.state === defaults.state ? [] : ["--state-dir", directories.state]),
  ];
  const stateName = /^\/var\/lib\/([\w.-]+)$/.exec(directories.state)?.[1];
  return `# Changes belong into a drop-in: systemctl edit restic-manager-agent
[Unit]
Description=restic-manager agent
Wants=network-online.target
After=network-online.target
# A host that is not enrolled yet has nothing to run: no failure, and no restart every 5 seconds.
ConditionPathExists=${percent(directories.config)}/agent.yaml

[Service]
Type=exec
ExecStart=${argv.map(unitWord).join(" ")}
Restart=always
RestartSec=5
# A stop goes to the agent alone, which ends restic cleanly; what is left after that is killed.
KillMode=mixed
TimeoutStopSec=120
# A restic that runs out of memory is one failed job; the agent lives on to tell of it.
OOMPolicy=continue
${stateName === undefined ? "" : `StateDirectory=${stateName}\nStateDirectoryMode=0700\n`}UMask=0077

# The agent is root, with these and no other powers:
# - read every file, and write, own and mark any of them on a restore (DAC, CHOWN, FOWNER, FSETID, SETFCAP, MKNOD);
# - KILL: restic asks by a signal whether the holder of a lock lives. It takes "not permitted" for dead, and would
#   remove the lock of another user's restic that runs;
# - SETUID, SETGID: hooks dump databases as their own user (runuser -u postgres). Who can write every file has that
#   power in any case.
# Not SYS_ADMIN (mounts, trusted.* attributes), NET_ADMIN or SYS_PTRACE; a hook that needs them needs a drop-in.
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_SETFCAP CAP_MKNOD
CapabilityBoundingSet=CAP_KILL CAP_SETUID CAP_SETGID
# No set-user-ID program gets those others back.
NoNewPrivileges=yes

# Restores make device nodes, and nothing here opens one: a raw disk is beyond what the policy file can judge.
DevicePolicy=closed
DeviceAllow=char-* m
DeviceAllow=block-* m

# Nothing here sets the clock, the host name, kernel parameters or control groups.
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
# Other users' processes are none of its business; signals reach them without /proc.
ProtectProc=invisible
PrivateMounts=yes
# NETLINK: the C library looks up addresses and interfaces through it.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
# Refused with an error, not by a kill. @resources stays allowed: hooks use nice and ionice.
SystemCallFilter=~@clock @cpu-emulation @debug @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM

# Left out, each for a reason:
# - ProtectSystem, ProtectHome: a restore writes to /etc, /usr and /home;
# - PrivateTmp: the real /tmp and /var/tmp are backed up, and hooks leave dumps there;
# - PrivateDevices: takes CAP_MKNOD and hides /dev from a backup;
# - RestrictSUIDSGID: a restore brings set-user-ID files back;
# - PrivateUsers: every file would seem to be nobody's;
# - MemoryDenyWriteExecute: the agent's JavaScript engine compiles at run time, and aborts under it;
# - MemoryMax: restic's need grows with the repository, and a limit would kill backups.

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5), "Command lines": specifiers, variables and quotes; a word without them stays as it is. */
function unitWord(word: string, index: number): string {
  // Variables are not expanded in the program's own path, so that a dollar there is no escape.
  const literal = index === 0 ? percent(word) : percent(word).replaceAll("$", "$$$$");
  return /^[\w./:@%$+-]+$/.test(literal) ? literal : `"${literal.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** systemd.unit(5), "Specifiers". */
function percent(text: string): string {
  return text.replaceAll("%", "%%");
}
