$ErrorActionPreference = 'Stop'
# The service runs from a folder of its own: the package's folder is replaced on every upgrade.
$folder = Join-Path $env:ProgramFiles 'restic-manager'
$agent = Join-Path $folder 'restic-manager-agent.exe'
New-Item -ItemType Directory -Force -Path $folder | Out-Null
Copy-Item -Force -Path (Join-Path $PSScriptRoot 'restic-manager-agent.exe') -Destination $agent
Install-BinFile -Name 'restic-manager-agent' -Path $agent
# It starts the service too when this host has joined a server, and else says how to join.
& $agent service install
if ($LASTEXITCODE -ne 0) { throw 'The service could not be installed, see above.' }
