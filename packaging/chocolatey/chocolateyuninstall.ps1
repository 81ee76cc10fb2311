$ErrorActionPreference = 'Stop'
# Configuration and state stay in %ProgramData%\restic-manager, so that a new install is the same host.
$folder = Join-Path $env:ProgramFiles 'restic-manager'
$agent = Join-Path $folder 'restic-manager-agent.exe'
if (Test-Path $agent) {
  & $agent service uninstall
  if ($LASTEXITCODE -ne 0) { throw 'The service could not be removed, see above.' }
}
Uninstall-BinFile -Name 'restic-manager-agent' -Path $agent
Remove-Item -Recurse -Force -ErrorAction SilentlyContinue -Path $folder
