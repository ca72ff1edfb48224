/* pinpad: a PC/SC library for tests that gives every reader a pad for PINs (PC/SC 2.02 part 10, FEATURE_VERIFY_PIN_DIRECT). It lies before the real
 * libpcsclite, which it is linked with: OpenSC loads it as its `provider_library`. The "person" types the first line of the file that PINPAD_TYPES
 * names, `-` cancels the entry; the line is then removed, except the last one. Each entry leaves a line in the file that PINPAD_LOG names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef long handle_t;
typedef unsigned long dword_t;
typedef struct { dword_t protocol, length; } pci_t;
typedef long (*control_t)(handle_t, dword_t, const void *, dword_t, void *, dword_t, dword_t *);
typedef long (*transmit_t)(handle_t, const pci_t *, const uint8_t *, dword_t, pci_t *, uint8_t *, dword_t *);

#define GET_FEATURES (0x42000000 + 3400)
#define VERIFY (0x42000000 + 0x330006)
#define FEATURE_VERIFY_PIN_DIRECT 0x06
/* PIN_VERIFY_STRUCTURE: 15 octets, ulDataLength, then the command with room for the PIN. */
#define HEAD 19
#define APDU_HEAD 5

static long answer(void *out, dword_t room, dword_t *length, const uint8_t *data, dword_t count) {
    if (room < count) return (long)0x80100008; /* SCARD_E_INSUFFICIENT_BUFFER */
    memcpy(out, data, count);
    *length = count;
    return 0;
}

static void tell(const char *what) {
    const char *path = getenv("PINPAD_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (!log) return;
    fprintf(log, "%s\n", what);
    fclose(log);
}

/* The next entry of the person. */
static void type(char *pin, size_t room) {
    char later[1024];
    const char *path = getenv("PINPAD_TYPES");
    FILE *types = path ? fopen(path, "r") : NULL;
    strcpy(pin, "-");
    if (!types) return;
    if (!fgets(pin, (int)room, types)) strcpy(pin, "-");
    pin[strcspn(pin, "\n")] = 0;
    size_t count = fread(later, 1, sizeof later, types);
    fclose(types);
    if (!count || !(types = fopen(path, "w"))) return;
    fwrite(later, 1, count, types);
    fclose(types);
}

long SCardControl(handle_t card, dword_t code, const void *in, dword_t in_length, void *out, dword_t room, dword_t *length) {
    if (code == GET_FEATURES) {
        const uint8_t features[] = { FEATURE_VERIFY_PIN_DIRECT, 4, VERIFY >> 24, VERIFY >> 16 & 0xff, VERIFY >> 8 & 0xff, VERIFY & 0xff };
        return answer(out, room, length, features, sizeof features);
    }
    if (code != VERIFY) return ((control_t)dlsym(RTLD_NEXT, "SCardControl"))(card, code, in, in_length, out, room, length);
    char pin[64];
    type(pin, sizeof pin);
    if (!strcmp(pin, "-")) {
        const uint8_t cancelled[] = { 0x64, 0x01 };
        tell("cancelled");
        return answer(out, room, length, cancelled, sizeof cancelled);
    }
    uint8_t command[64];
    dword_t count = in_length - HEAD;
    if (in_length < HEAD + APDU_HEAD || count > sizeof command || strlen(pin) > count - APDU_HEAD) return (long)0x80100004; /* SCARD_E_INVALID_PARAMETER */
    memcpy(command, (const uint8_t *)in + HEAD, count);
    memcpy(command + APDU_HEAD, pin, strlen(pin));
    tell("entered");
    const pci_t t1 = { 2, sizeof(pci_t) };
    *length = room;
    return ((transmit_t)dlsym(RTLD_NEXT, "SCardTransmit"))(card, &t1, command, count, NULL, out, length);
}
