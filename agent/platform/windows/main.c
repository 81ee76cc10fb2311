/*
 * restic-manager-service.exe COMMAND
 *
 *   run LOG-FILE COMMAND LINE OF THE AGENT...   only for the Service Control Manager
 *   install "COMMAND LINE OF THE SERVICE"       makes the service's entry, or mends it
 *   stop-if-there                               stop, and no failure when there is no service
 *   uninstall | start | stop                    answer when it is so
 *   state                                       prints: running, stopped, changing, not installed
 *   started PID                                 prints when that process began, in 100 ns; exit code 2 when it is gone
 *   interrupt PID                               Ctrl+Break for that process and all others on its console
 *   kill PID                                    ends that process and all it started
 *   secure FOLDER                               makes it, or mends it: for SYSTEM and Administrators alone
 */
#include <stdio.h>
#include <wchar.h>
#include "native.h"

int failed(const char *call, DWORD code) {
    const char *advice = code == ERROR_ACCESS_DENIED ? " Run this from an elevated prompt (Run as administrator)." : "";
    fprintf(stderr, "%s failed with Windows error %lu.%s\n", call, code, advice);
    return FAILURE;
}

/* By the rules of CommandLineToArgvW for a program's own name; no path holds a quote. */
wchar_t *command_line_behind(int count) {
    wchar_t *line = GetCommandLineW();
    for (; count > 0; count--) {
        BOOL quoted = FALSE;
        for (; *line && (quoted || (*line != L' ' && *line != L'\t')); line++)
            if (*line == L'"') quoted = !quoted;
        while (*line == L' ' || *line == L'\t') line++;
    }
    return line;
}

int wmain(int count, wchar_t **words) {
    const wchar_t *command = count > 1 ? words[1] : L"";
    const wchar_t *value = count == 3 ? words[2] : NULL;
    if (!wcscmp(command, L"run") && count > 3) return supervise();
    if (!wcscmp(command, L"install") && value) return install_service(value);
    if (!wcscmp(command, L"secure") && value) return secure_folder(value);
    if (!wcscmp(command, L"started") && value) return print_process_start(wcstoul(value, NULL, 10));
    if (!wcscmp(command, L"interrupt") && value) return interrupt_console_of(wcstoul(value, NULL, 10));
    if (!wcscmp(command, L"kill") && value) return kill_tree(wcstoul(value, NULL, 10));
    if (!wcscmp(command, L"uninstall") && count == 2) return uninstall_service();
    if (!wcscmp(command, L"start") && count == 2) return start_service();
    if (!wcscmp(command, L"stop") && count == 2) return stop_service();
    if (!wcscmp(command, L"stop-if-there") && count == 2) {
        int code = stop_service();
        return code == NOT_THERE ? DONE : code;
    }
    if (!wcscmp(command, L"state") && count == 2) return print_service_state();
    fputs("This program belongs to restic-manager-agent.exe; use restic-manager-agent.exe service.\n", stderr);
    return USAGE;
}
