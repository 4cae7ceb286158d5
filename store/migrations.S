/* The migrations, embedded as NUL-terminated text. Append a label for each new file, and a row in migrate.c. */
    .section .rodata
    .global store_migration_0001
store_migration_0001:
    .incbin "store/migrations/0001_initial.sql"
    .byte 0
    .global store_migration_0002
store_migration_0002:
    .incbin "store/migrations/0002_told.sql"
    .byte 0
    .global store_migration_0003
store_migration_0003:
    .incbin "store/migrations/0003_event_log.sql"
    .byte 0
    .global store_migration_0004
store_migration_0004:
    .incbin "store/migrations/0004_control.sql"
    .byte 0
    .global store_migration_0005
store_migration_0005:
    .incbin "store/migrations/0005_service.sql"
    .byte 0
    .global store_migration_0006
store_migration_0006:
    .incbin "store/migrations/0006_scope.sql"
    .byte 0
    .global store_migration_0007
store_migration_0007:
    .incbin "store/migrations/0007_kinds.sql"
    .byte 0
    .global store_migration_0008
store_migration_0008:
    .incbin "store/migrations/0008_verbs.sql"
    .byte 0
    .global store_migration_0009
store_migration_0009:
    .incbin "store/migrations/0009_references.sql"
    .byte 0
    .global store_migration_0010
store_migration_0010:
    .incbin "store/migrations/0010_notices.sql"
    .byte 0
    .global store_migration_0011
store_migration_0011:
    .incbin "store/migrations/0011_live.sql"
    .byte 0
    .global store_migration_0012
store_migration_0012:
    .incbin "store/migrations/0012_otlp.sql"
    .byte 0
    .global store_migration_0013
store_migration_0013:
    .incbin "store/migrations/0013_course.sql"
    .byte 0
    .global store_migration_0014
store_migration_0014:
    .incbin "store/migrations/0014_item.sql"
    .byte 0
    .section .note.GNU-stack, "", @progbits
