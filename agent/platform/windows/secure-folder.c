/* A folder that only SYSTEM and the Administrators may enter, made so in one step: there is no moment in between. */
#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include "native.h"

/* Owned by the Administrators; a protected list that what lies within inherits (Security Descriptor String Format). */
#define FOR_SYSTEM_AND_ADMINISTRATORS L"O:BAG:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

static BOOL is_own_user(PSID owner) {
    HANDLE token;
    BYTE user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    DWORD size;
    return OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
           GetTokenInformation(token, TokenUser, user, sizeof user, &size) &&
           EqualSid(owner, ((TOKEN_USER *)user)->User.Sid);
}

/* Everybody may make folders in ProgramData, and who made one can always open it again for himself. */
static BOOL is_trusted(PSID owner) {
    return IsWellKnownSid(owner, WinLocalSystemSid) || IsWellKnownSid(owner, WinBuiltinAdministratorsSid) ||
           is_own_user(owner);
}

int secure_folder(const wchar_t *path) {
    PSECURITY_DESCRIPTOR wanted, found;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(FOR_SYSTEM_AND_ADMINISTRATORS, SDDL_REVISION_1, &wanted,
                                                              NULL))
        return failed("ConvertStringSecurityDescriptor", GetLastError());
    SECURITY_ATTRIBUTES attributes = {sizeof attributes, wanted, FALSE};
    if (CreateDirectoryW(path, &attributes)) return DONE;
    if (GetLastError() != ERROR_ALREADY_EXISTS) return failed("CreateDirectory", GetLastError());

    PSID owner;
    DWORD code = GetNamedSecurityInfoW(path, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL, &found);
    if (code) return failed("GetNamedSecurityInfo", code);
    if (!is_trusted(owner)) {
        fprintf(stderr, "%ls belongs to an account that is no administrator. Look at what is in it, then remove it.\n", path);
        return FAILURE;
    }
    BOOL present, defaulted;
    PACL list;
    GetSecurityDescriptorDacl(wanted, &present, &list, &defaulted);
    code = SetNamedSecurityInfoW((wchar_t *)path, SE_FILE_OBJECT,
                                 DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL, NULL, list, NULL);
    return code ? failed("SetNamedSecurityInfo", code) : DONE;
}
