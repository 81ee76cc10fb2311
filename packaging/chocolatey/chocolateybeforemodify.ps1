# Windows keeps a running program from being replaced. Stopping one that does not run is no failure.
$agent = Join-Path $env:ProgramFiles 'restic-manager\restic-manager-agent.exe'
if (Test-Path $agent) { & $agent service stop }
