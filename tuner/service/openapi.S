/* openapi.yaml, embedded. */
    .section .rodata
    .global service_openapi_begin
    .global service_openapi_end
service_openapi_begin:
    .incbin "tuner/service/openapi.yaml"
service_openapi_end:
    .section .note.GNU-stack, "", @progbits
