/* restic-manager-service.exe: what the agent needs of Windows and Node does not offer. Each file is one of its parts. */
#pragma once
#include <windows.h>

#define SERVICE_NAME L"restic-manager-agent"

/* Exit codes of the commands. */
#define DONE 0
#define FAILURE 1
#define NOT_THERE 2
#define USAGE 64

/* supervise.c: is the service; returns when the Service Control Manager has done with it. */
int supervise(void);

/* manage-service.c: the service's entry at the Service Control Manager. */
int install_service(const wchar_t *command_line);
int uninstall_service(void);
int start_service(void);
int stop_service(void);
int print_service_state(void);

/* processes.c */
int print_process_start(DWORD pid);
int interrupt_console_of(DWORD pid);
int kill_tree(DWORD pid);

/* secure-folder.c */
int secure_folder(const wchar_t *path);

/* main.c: says on stderr which call failed and what to do; answers FAILURE. */
int failed(const char *call, DWORD code);
/* The rest of this process's command line behind its first `count` words, as it was typed. */
wchar_t *command_line_behind(int count);
