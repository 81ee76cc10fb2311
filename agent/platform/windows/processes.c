/* Processes by their number: when one began, a polite end for it, and a certain one. */
#include <stdio.h>
#include "native.h"
#include <tlhelp32.h>

/* 0 when there is none. FILETIME: 100 ns since 1601. */
static unsigned long long start_of(HANDLE process) {
    FILETIME began, ended, kernel, user;
    if (!process || WaitForSingleObject(process, 0) != WAIT_TIMEOUT) return 0;
    if (!GetProcessTimes(process, &began, &ended, &kernel, &user)) return 0;
    return (unsigned long long)began.dwHighDateTime << 32 | began.dwLowDateTime;
}

int print_process_start(DWORD pid) {
    unsigned long long start = start_of(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid));
    if (!start) return NOT_THERE;
    printf("%llu\n", start);
    return DONE;
}

static BOOL WINAPI ignore(DWORD event) {
    (void)event;
    return TRUE;
}

/*
 * The agent gives each child a hidden console of its own, so a console's processes are one child and what it started.
 * Ctrl+Break, not Ctrl+C: a process whose parent ignores Ctrl+C never sees that one. Go's programs take both for SIGINT.
 */
int interrupt_console_of(DWORD pid) {
    FreeConsole();
    if (!AttachConsole(pid)) return NOT_THERE;
    SetConsoleCtrlHandler(ignore, TRUE);
    return GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, 0) ? DONE : failed("GenerateConsoleCtrlEvent", GetLastError());
}

/* Parents before their children, so that no child is started behind our back by one already seen. */
static void kill_children(DWORD pid, unsigned long long start) {
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof entry};
    for (BOOL more = Process32FirstW(list, &entry); more; more = Process32NextW(list, &entry)) {
        if (entry.th32ParentProcessID != pid || entry.th32ProcessID == pid) continue;
        HANDLE child = OpenProcess(PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE,
                                   entry.th32ProcessID);
        unsigned long long its_start = start_of(child);
        /* An older one is the child of another process, which had this number before. */
        if (its_start < start) continue;
        TerminateProcess(child, 1);
        kill_children(entry.th32ProcessID, its_start);
        CloseHandle(child);
    }
    CloseHandle(list);
}

int kill_tree(DWORD pid) {
    HANDLE process =
        OpenProcess(PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, pid);
    unsigned long long start = start_of(process);
    if (!start) return NOT_THERE;
    if (!TerminateProcess(process, 1)) return failed("TerminateProcess", GetLastError());
    kill_children(pid, start);
    return DONE;
}
