/*
 * The process the Service Control Manager talks to: it supervises the agent and is never busy.
 *
 * - The agent lives in a job object that ends with this process, and so do all its children: no restic outlives it.
 * - A stop closes the agent's standard input; what still lives 25 s later is terminated.
 * - When the agent ends unasked, this process ends without reporting SERVICE_STOPPED. That is a crash to the Service
 *   Control Manager, which then runs the recovery actions (ChangeServiceConfig2W, SERVICE_FAILURE_ACTIONS).
 * - What the agent prints goes to LOG-FILE, beginnings and ends to the event log.
 */
#include <wchar.h>
#include "native.h"

#define STOP_WITHIN_MS 25000
#define TELL_EVERY_MS 2000
#define MAX_LOG_BYTES (8 * 1024 * 1024)

static SERVICE_STATUS_HANDLE status_handle;
static SERVICE_STATUS status;
static HANDLE stop_asked;

static void report_state(DWORD state, DWORD wait_hint_ms) {
    status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    status.dwCurrentState = state;
    status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0;
    status.dwCheckPoint = state == SERVICE_RUNNING || state == SERVICE_STOPPED ? 0 : status.dwCheckPoint + 1;
    status.dwWaitHint = wait_hint_ms;
    SetServiceStatus(status_handle, &status);
}

static void write_event(WORD type, const wchar_t *text) {
    HANDLE source = RegisterEventSourceW(NULL, SERVICE_NAME);
    if (!source) return;
    ReportEventW(source, type, 0, 1, NULL, 1, 0, &text, NULL);
    DeregisterEventSource(source);
}

/* Ends as a crash: see above. The job object takes the agent along. */
static void crash(const wchar_t *what, DWORD code) {
    wchar_t text[512];
    swprintf(text, sizeof text / sizeof *text, L"%ls (%lu). The service is started again.", what, code);
    write_event(EVENTLOG_ERROR_TYPE, text);
    ExitProcess(1);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context) {
    (void)type, (void)data, (void)context;
    switch (control) {
        case SERVICE_CONTROL_STOP:
        case SERVICE_CONTROL_SHUTDOWN:
            report_state(SERVICE_STOP_PENDING, STOP_WITHIN_MS + TELL_EVERY_MS);
            SetEvent(stop_asked);
            return NO_ERROR;
        case SERVICE_CONTROL_INTERROGATE:
            return NO_ERROR;
        default:
            return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* A word without its quotes, cut to what a path may hold. */
static void copy_first_word(const wchar_t *line, wchar_t *word, size_t size) {
    BOOL quoted = FALSE;
    size_t length = 0;
    for (; *line && (quoted || (*line != L' ' && *line != L'\t')); line++) {
        if (*line == L'"') quoted = !quoted;
        else if (length + 1 < size) word[length++] = *line;
    }
    word[length] = 0;
}

/* A log that has grown past its limit becomes LOG-FILE.old, at a start only. */
static HANDLE open_log(const wchar_t *path) {
    WIN32_FILE_ATTRIBUTE_DATA facts;
    if (GetFileAttributesExW(path, GetFileExInfoStandard, &facts) &&
        (facts.nFileSizeHigh > 0 || facts.nFileSizeLow > MAX_LOG_BYTES)) {
        wchar_t old[MAX_PATH + 8];
        swprintf(old, sizeof old / sizeof *old, L"%ls.old", path);
        MoveFileExW(path, old, MOVEFILE_REPLACE_EXISTING);
    }
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    return CreateFileW(path, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, &inherited,
                       OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
}

/* Starts the agent inside a job object; answers its process and, in `its_stdin`, the end whose closing is a stop. */
static HANDLE start_agent(wchar_t *command, const wchar_t *log_path, HANDLE job, HANDLE *its_stdin) {
    HANDLE log = open_log(log_path);
    if (log == INVALID_HANDLE_VALUE) crash(L"The log file cannot be opened", GetLastError());
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    HANDLE read_end;
    if (!CreatePipe(&read_end, its_stdin, &inherited, 0)) crash(L"No pipe could be made", GetLastError());
    /* The agent must not hold the end whose closing it waits for. */
    SetHandleInformation(*its_stdin, HANDLE_FLAG_INHERIT, 0);

    STARTUPINFOW startup = {.cb = sizeof startup, .dwFlags = STARTF_USESTDHANDLES};
    startup.hStdInput = read_end;
    startup.hStdOutput = startup.hStdError = log;
    PROCESS_INFORMATION made;
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_SUSPENDED | CREATE_NO_WINDOW, NULL, NULL, &startup,
                        &made))
        crash(L"The agent does not start", GetLastError());
    /* Before its first instruction, so that no child of it escapes. */
    if (!AssignProcessToJobObject(job, made.hProcess)) {
        DWORD code = GetLastError();
        TerminateProcess(made.hProcess, 1);
        crash(L"The agent could not be put into its job object", code);
    }
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    CloseHandle(read_end);
    CloseHandle(log);
    return made.hProcess;
}

/* Waits for the agent's end after its input was closed, and tells the Service Control Manager that it waits. */
static void end_agent(HANDLE agent, HANDLE job) {
    for (DWORD waited_ms = 0; waited_ms < STOP_WITHIN_MS; waited_ms += TELL_EVERY_MS) {
        if (WaitForSingleObject(agent, TELL_EVERY_MS) == WAIT_OBJECT_0) {
            write_event(EVENTLOG_INFORMATION_TYPE, L"The agent has stopped.");
            return;
        }
        report_state(SERVICE_STOP_PENDING, STOP_WITHIN_MS + TELL_EVERY_MS);
    }
    write_event(EVENTLOG_WARNING_TYPE, L"The agent did not stop in 25 seconds and was terminated.");
    TerminateJobObject(job, 1);
}

static void WINAPI service_main(DWORD count, wchar_t **words) {
    (void)count, (void)words;
    status_handle = RegisterServiceCtrlHandlerExW(SERVICE_NAME, on_control, NULL);
    if (!status_handle) ExitProcess(1);
    report_state(SERVICE_START_PENDING, 10000);
    stop_asked = CreateEventW(NULL, TRUE, FALSE, NULL);
    HANDLE job = CreateJobObjectW(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    if (!stop_asked || !job ||
        !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
        crash(L"The agent's job object could not be made", GetLastError());

    wchar_t log_path[MAX_PATH];
    copy_first_word(command_line_behind(2), log_path, MAX_PATH);
    HANDLE its_stdin;
    HANDLE agent = start_agent(command_line_behind(3), log_path, job, &its_stdin);
    report_state(SERVICE_RUNNING, 0);
    write_event(EVENTLOG_INFORMATION_TYPE, L"The agent runs.");

    HANDLE either[] = {stop_asked, agent};
    if (WaitForMultipleObjects(2, either, FALSE, INFINITE) != WAIT_OBJECT_0) {
        DWORD code = 0;
        GetExitCodeProcess(agent, &code);
        crash(L"The agent ended unasked, with this exit code", code);
    }
    CloseHandle(its_stdin);
    end_agent(agent, job);
    report_state(SERVICE_STOPPED, 0);
}

int supervise(void) {
    wchar_t name[] = SERVICE_NAME;
    SERVICE_TABLE_ENTRYW table[] = {{name, service_main}, {NULL, NULL}};
    /* Fails when a person starts it: only the Service Control Manager may. */
    return StartServiceCtrlDispatcherW(table) ? DONE : failed("StartServiceCtrlDispatcher", GetLastError());
}
