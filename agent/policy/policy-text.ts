/** policy.yaml as the installer leaves it: every line a comment, so that the defaults stand until root says otherwise. */
export const POLICY_TEXT = `# What the restic-manager server may ask of this host. Only root changes this file; the server can read its values and
# never write them. A line that is commented out stands for its default, which is the value shown.
#
#   restic-manager-agent policy show              what holds now
#   restic-manager-agent policy set KEY VALUE…    change one line; the agent notices within 30 seconds

# Commands before and after a backup: none, named (scripts of the folder hooks.d beside this file) or remote (also
# text typed into the console).
# allow_hooks: named

# Folders that may be backed up, with all below them; null allows every folder.
# allow_paths: null

# Folders that are never backed up, with all below them, whatever else is allowed.
# deny_paths: []

# Where restores may write: none, staging (a folder of the agent's own and restore_roots) or in_place.
# allow_restore: staging
# restore_roots: []

# Whether prune may run here.
# allow_prune: true

# Forgetting never leaves fewer snapshots of a schedule than this …
# keep_at_least: 3
# … and never removes a greater share of them at once, 0 to 1.
# max_share: 0.5

# Repositories that may receive this host's data: first (those it was given first; others with
# restic-manager-agent policy allow-repository ADDRESS), or a list of addresses.
# allow_repositories: first
`;
