/* The service's entry at the Service Control Manager. sc.exe would do, but its answers are in the system's language. */
#include <stdio.h>
#include "native.h"

#define DISPLAY_NAME L"restic-manager agent"
#define DESCRIPTION L"Runs restic backups for a restic-manager server. Its settings are in ProgramData\\restic-manager."
/* The agent gets 25 s to end restic cleanly; see supervise.c. */
#define STOPPED_WITHIN_MS 40000
#define RUNNING_WITHIN_MS 30000
#define LOOK_EVERY_MS 200

static SC_HANDLE manager;

/* Null when there is no such service, or with *code set when that cannot be told. */
static SC_HANDLE open_service(DWORD access, DWORD *code) {
    *code = 0;
    manager = OpenSCManagerW(NULL, NULL, access == SERVICE_QUERY_STATUS ? SC_MANAGER_CONNECT : SC_MANAGER_ALL_ACCESS);
    SC_HANDLE service = manager ? OpenServiceW(manager, SERVICE_NAME, access) : NULL;
    if (!service && GetLastError() != ERROR_SERVICE_DOES_NOT_EXIST) *code = GetLastError();
    return service;
}

static DWORD state_of(SC_HANDLE service) {
    SERVICE_STATUS_PROCESS status;
    DWORD size;
    BOOL told = QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)&status, sizeof status, &size);
    return told ? status.dwCurrentState : 0;
}

static BOOL reaches(SC_HANDLE service, DWORD state, DWORD within_ms) {
    for (DWORD waited_ms = 0; waited_ms < within_ms; waited_ms += LOOK_EVERY_MS) {
        if (state_of(service) == state) return TRUE;
        Sleep(LOOK_EVERY_MS);
    }
    return state_of(service) == state;
}

/* Windows knows every one of these since Vista; what an older or other system lacks is told and left out. */
static void set(SC_HANDLE service, DWORD what, void *value, const char *name) {
    if (!ChangeServiceConfig2W(service, what, value))
        printf("This system does not take the service's %s (error %lu).\n", name, GetLastError());
}

/* What the supervisor writes to the event log reads as text; EventCreate.exe has a bare "%1" under each number. */
static void register_event_source(void) {
    const wchar_t *texts = L"%SystemRoot%\\System32\\EventCreate.exe";
    const wchar_t *path = L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" SERVICE_NAME;
    DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    RegSetKeyValueW(HKEY_LOCAL_MACHINE, path, L"EventMessageFile", REG_EXPAND_SZ, texts, (wcslen(texts) + 1) * 2);
    RegSetKeyValueW(HKEY_LOCAL_MACHINE, path, L"TypesSupported", REG_DWORD, &types, sizeof types);
}

int install_service(const wchar_t *command_line) {
    DWORD code;
    SC_HANDLE service = open_service(SERVICE_ALL_ACCESS, &code);
    if (code) return failed("OpenService", code);
    if (service) {
        if (!ChangeServiceConfigW(service, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
                                  command_line, NULL, NULL, NULL, L"LocalSystem", NULL, DISPLAY_NAME))
            return failed("ChangeServiceConfig", GetLastError());
    } else {
        service = CreateServiceW(manager, SERVICE_NAME, DISPLAY_NAME, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
                                 SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command_line, NULL, NULL, NULL, NULL, NULL);
        if (!service) return failed("CreateService", GetLastError());
    }
    wchar_t words[] = DESCRIPTION;
    SERVICE_DESCRIPTIONW description = {words};
    set(service, SERVICE_CONFIG_DESCRIPTION, &description, "description");
    SERVICE_DELAYED_AUTO_START_INFO delayed = {TRUE};
    set(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed, "delayed start");
    SC_ACTION restarts[] = {{SC_ACTION_RESTART, 5000}, {SC_ACTION_RESTART, 30000}, {SC_ACTION_RESTART, 60000}};
    SERVICE_FAILURE_ACTIONSW actions = {.dwResetPeriod = 86400, .cActions = 3, .lpsaActions = restarts};
    set(service, SERVICE_CONFIG_FAILURE_ACTIONS, &actions, "restart after a crash");
    SERVICE_FAILURE_ACTIONS_FLAG also_on_errors = {TRUE};
    set(service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also_on_errors, "restart after an error");
    register_event_source();
    return DONE;
}

static int stop(SC_HANDLE service) {
    SERVICE_STATUS status;
    DWORD state = state_of(service);
    if (state == SERVICE_STOPPED) return DONE;
    if (state != SERVICE_STOP_PENDING && !ControlService(service, SERVICE_CONTROL_STOP, &status) &&
        GetLastError() != ERROR_SERVICE_NOT_ACTIVE)
        return failed("ControlService", GetLastError());
    if (reaches(service, SERVICE_STOPPED, STOPPED_WITHIN_MS)) return DONE;
    fputs("The service did not stop in 40 seconds. Look at its log file and at the event log.\n", stderr);
    return FAILURE;
}

int stop_service(void) {
    DWORD code;
    SC_HANDLE service = open_service(SERVICE_ALL_ACCESS, &code);
    return service ? stop(service) : code ? failed("OpenService", code) : NOT_THERE;
}

int start_service(void) {
    DWORD code;
    SC_HANDLE service = open_service(SERVICE_ALL_ACCESS, &code);
    if (!service) return code ? failed("OpenService", code) : NOT_THERE;
    int stopped = stop(service);
    if (stopped != DONE) return stopped;
    if (!StartServiceW(service, 0, NULL)) return failed("StartService", GetLastError());
    if (reaches(service, SERVICE_RUNNING, RUNNING_WITHIN_MS)) return DONE;
    fputs("The service does not run. Look at its log file and at the event log.\n", stderr);
    return FAILURE;
}

int uninstall_service(void) {
    DWORD code;
    SC_HANDLE service = open_service(SERVICE_ALL_ACCESS, &code);
    if (!service) return code ? failed("OpenService", code) : DONE;
    int stopped = stop(service);
    if (stopped != DONE) return stopped;
    if (!DeleteService(service)) return failed("DeleteService", GetLastError());
    RegDeleteTreeW(HKEY_LOCAL_MACHINE, L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" SERVICE_NAME);
    return DONE;
}

int print_service_state(void) {
    DWORD code;
    SC_HANDLE service = open_service(SERVICE_QUERY_STATUS, &code);
    if (code) return failed("OpenService", code);
    DWORD state = service ? state_of(service) : 0;
    puts(!service                     ? "not installed"
         : state == SERVICE_RUNNING ? "running"
         : state == SERVICE_STOPPED ? "stopped"
                                    : "changing");
    return DONE;
}
