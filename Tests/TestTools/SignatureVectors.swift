// Made by signatures.py: what real signers make for keys whose private halves are gone. Valid ones are so until 2100.

/// Keys, and URLs and cookies that were signed with them.
public enum SignatureVectors {
  /// The public key KRSA.
  public static let rsa = """
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA23cm8UTtwJ2Bl7l+0RhO
    FC5Y3pevQ73TKJORQtlKUbkTpFWgwxTHZlMfCNvHzjBR3YVzaRs6ZCE9IJEeyHyG
    hrujvhdD+z5kbDGUGfwLMuC8yE3zfimPX4Mgn20Yg0vYQHVlEU1JpoxwnhzV+Nc+
    M56IiG4EGZY3h5q4OhgMrYyKVtHG/MgalYmmCUSpYds/CekzdELblg/X8gR/Brl/
    yVhIGnyFTxGfC5Am0UlIa+UspJ8kdgRvVrHP8l2EyqBQ7g2vzuq9YOsFp4pOzpmd
    tGulTxQgpLcY7X9d0RZkFUWs55BdNCHJGNwQNzGziwnrx2vpP+IuNlkvtafUwA9G
    rwIDAQAB
    -----END PUBLIC KEY-----
    """
  /// The public key KECDSA.
  public static let ec = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7qiWjGy7Q7VFPoNFwrVCJ7z9cUDw
    xoEsdSq9S16HlhYsfOkdXoeyWLIri3gq/9grRFtyoSBful9PfcKE7sn7YA==
    -----END PUBLIC KEY-----
    """
  /// The public key KOTHER.
  public static let other = """
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAszGGa0IbkAtYdCj5Ffvh
    vCcO7ATTkL6a42MgIR8o8De40BV1fEuV/9NfjjdGcvMR3XdwYcJ4muol/dKYF+yZ
    xXUA3M+PDI1xth0MlGARsfsP5sWcRBYj1vCRlVO6wRMs3fiNR8//bqmp2BJ3X4le
    dzCmkWa33ZsH85l+mN3W8VRcqGlL78P9QG5TD7gOLDFOZzYBWxfaEQ0neA8hI1cN
    SHEDqy3dqRAIwiEe1qdIKxE64TgIIfaYTVGw19FJbLE1FcLQlCX+N2ohnyMfBBTy
    Ixa/oua+aOHm2ZW5Mtw2qBhF0QMV0zZsogklKPN3i/8ys2zvF/HxbpB6OZJl5C7X
    4wIDAQAB
    -----END PUBLIC KEY-----
    """
  /// The public key of a kind that is not taken.
  public static let short = """
    -----BEGIN PUBLIC KEY-----
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCjjNGbqMuqR79qcsnXpjjzm1ds
    M9gVF4p6OUg5DzgN+rpjttgbTdyC0TSttFG3opHh2rf8TTmy9kVgsBPLPCnQ1KB9
    HrCKwhSXAPIe25ccAX2HAy7H+dRkc758apo51AgpJ3/jzL8wLufU5FAZ3fdtdqsB
    lCEDrZ0WDbTQdeEZSwIDAQAB
    -----END PUBLIC KEY-----
    """
  /// The public key of a kind that is not taken.
  public static let p384 = """
    -----BEGIN PUBLIC KEY-----
    MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEu4mOsBmKJozfj7m0aKkOtaz7Qj8Q9FzU
    lwsmdNT4IrYwCAyCx7aEOrHFiF9kFeGwsZYrzHF0LYWfDvxrhpDwAJYgTd/klbsH
    uba6GyS++rKeVx0XQhOIuA3pdeDrUwkV
    -----END PUBLIC KEY-----
    """
  /// What is signed where nothing else is said: a path at media.test, by HTTP.
  public static let path = "/films/one.mp4"
  /// By name: target and Cookie of a request.
  public static let all: [String: (target: String, cookies: String)] = [
    "botoCanned": ("/films/one.mp4?Expires=4102444800&Signature=F0DlmSFpPzAhsU81Oa49iNRdkwoQNaITmAqLAKP8~Qjdm7gU-~P4mY2mIhRT9-Jx1VLbH0v6viXVNCAQPPNycR1ouovykHgdLbrMmVly7qfhfhiIWG5wIUxOOWF3y9GtrLflTeqEcoeQZZO7eMqwFqnw9AWC73ACTsXvc2jKrv-zFuUB8eptdeq8aYZkjRKumE4As~kwOcPPTMqsq9bjgO0RYMrFxIb~UG2-D97shd6nxZy6mi8wdkibhfbFi-DIEfiJ1lA3prYkL1WXzRvL2-EwhJyWl~imzkdHD~hHfSgw3QnkwX-Rz-QAgAJeXUr76OlV5qDleVxTTyuCcqh5CQ__&Key-Pair-Id=KRSA", ""),
    "botoCannedWithQuery": ("/films/one.mp4?size=large&x&Expires=4102444800&Signature=1B9TQhDX3wK6PWWSFYG9ga0Sgq4oGK42KgGCeEx9bnLVMFTsu7wI2~lNP0Pyz2cGwyfOxhF9A7rPMBqbOVnx05rVfUrKTUsyue1jynO7RSLa9sEuDvq~ilOm~Lm5jonWaNFZVlSqz2uAvoncBbP4n~BHwAtPJeeiOLf2y5dFK0C~GRDyod3~NxLKKvCGIVLzeilP791fxyOMRqYVez-BJoVm8SatryPLEDpUoABKGpfRWNhcXPonOAlQnpmJdTe8fS~Ot~LZiHV4pocR9izlg-8nC8z5KwiIjr6UEcvSxZh3vWl7RGz8ntTNpTLAfNnKdb2bQ-zgB59Y2QK4aa2AUg__&Key-Pair-Id=KRSA", ""),
    "botoCustom": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cDovL21lZGlhLnRlc3QvZmlsbXMvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH0sIklwQWRkcmVzcyI6eyJBV1M6U291cmNlSXAiOiIxMjcuMC4wLjAvOCJ9LCJEYXRlR3JlYXRlclRoYW4iOnsiQVdTOkVwb2NoVGltZSI6MTAwMDAwMDAwMH19fV19&Signature=SNtO1yLwKFD5ZJHUPcypcAP9UowmyGVagA3WI~uI~ck1XHvBYOyCMrJ987aZ2XFs00yekHNyG-hOMQTeBavM-jSCaEiTfU8A4ai4-pYeWkLAbRmDQmUet~zJiMMEpeEA5ZVkqhsrH2kCeyVHA0OG0iUPgt2wTZaVKILXnxax~~TnnJ4oo87Oujqp-TQTNNeQ2wyGBo~39kMs0lNCNIDE~oCxMuChyVy8JQJ2twUAAeqR~DrAZKvR3inko6VGjFoddUJiG-CCfaFMIqtPyM1cE99qm-ORniNTlLPnUH-V8czfWg8CeHpYJdUEYjuUV3nWjPcJc2EsjnZtCDr~my1t2w__&Key-Pair-Id=KRSA", ""),
    "botoExpired": ("/films/one.mp4?Expires=1000000000&Signature=XdGcL86POxdkb4Tn8KWIUtzAMxaN7nQIL13z70Ch0KRSLOZl6nJTAjw5NLt5NmWttEzBNvmxitKujIDvtXwSY9kQkPIOsgTSE9i1adV8o~UClLdcT7R~mz-Ma5pqtQR8ZtWl7UVFmkYapIa8EmvQ8ArXfUS0Ysvjex9~poQCAOHPMsuF9FsnT8v6Lcv7kZdrrPPYQSzkR5ExKiKKlhdUC89xlYNXjlFWMauolXDYUOEZRf6A7vtREG~jnriYPMPwitmMDEd5QmfexhGReRIPEAa1H6c4cARZR6iC2e89GYQGdTs1NEqNL1u2QjWEPXItyJDRXiRc7~eW39EwezI93g__&Key-Pair-Id=KRSA", ""),
    "cannedSHA256": ("/films/one.mp4?Expires=4102444800&Signature=wsdeWKJNWoQY6tn2JZZktyMQziQoA6GVtpPN0Y3JKQaqRKjpZCRQjjmbh68w3jk6HFHFFCHKPVKVt7wBudux9fg9t3y8WfHjgXdk1qnV1DWBz4pWlj~RiTPaDXS64OrUdBIms77FeJFu3SRDZAJKJdYR21XZmWtup1GlCVh7EZD266N02IDL2k2YcP9bYdUhYhzek~j71Ku14MEaFAWUtbi~1hBasyEKmUQn7yZoPXZJNbdfZjq9OXfOWnxK3WBF8VY3QYHqF09t3~U85uG9EJBANTigw8MFuN87ANbJqesfaFTekLaSS4bboFOBaGOy7q3CwZHbjsK0OnRCIhxFSg__&Key-Pair-Id=KRSA&Hash-Algorithm=SHA256", ""),
    "cannedECDSA": ("/films/one.mp4?Expires=4102444800&Signature=MEQCIHMmJ2ekCpKc2Gm5WOJN7hnhIF2TTvqHg~FXSKQXUK-QAiA4Kf8t6Ogbuq3hScpvpdtlAh3qAExttiOhpHAnjGxbeA__&Key-Pair-Id=KECDSA", ""),
    "cannedECDSASHA256": ("/films/one.mp4?Expires=4102444800&Signature=MEYCIQDpSwvfJKXNih4AGlth8tjQ1Ogm0~5w8h7MMDJ9OBvxDAIhANd5tb5M-FkaNbsqCFJlH2ADdfodYJVbI~06EzMWMtcw&Key-Pair-Id=KECDSA&Hash-Algorithm=SHA256", ""),
    "cannedOther": ("/films/one.mp4?Expires=4102444800&Signature=ZbT5ljqHE3H~hlwVAsfBvoFjcu3JwmGYCnt72F~BIcdOixJNG1F88Bd7PFhPr4gwIZXwTMFwEx0FY6Ek3PKIQbZmuFkcga5AitvEntjjJd~H0pzsKfBtk75UjBZBJA6BGI-j4H-U6RFve0F~lJzyNRY1HP8k1TEpwvHSih4JQqZlt-AsJN1tUnK0WV2eCQRt-L6wh9k6F9tmLZkOKNyw2IHJFsZrUx9L8SrIGiwY5FpGEQNP6M1SYCPCoeZW0kaE1gTWtM9PDDrvgViQUXpF2N2Yvz13XiKFu3UXT6xVJ1JA8BXOHXgGAwlSWDS4wtHXOvMK4rllEdWgdExyCa0glw__&Key-Pair-Id=KOTHER", ""),
    "cannedMilliseconds": ("/films/one.mp4?Expires=4102444800000&Signature=WLhkJSPZY~Qfdwqq6oetS4Zerel74UM4pvKBnRT5tyUhNChDmD1k2T0EffAdo2K6IPC0kL2aXSDTJYPpPMKRgKp~IlGTfZP5eUFrLIKxc0VxijAozXkl8bWw4AIGzzoy8PTc3o~saNwp4BJIno9BV3hG6frhXfNzHFuvBsbfgfA6eXximkxqY13ypjNqpXZ4AURNXPaEX7xSni9Ty7rJF~3Na7pcOIqamFqHKQv9HRme-Jx~OPH-ap1SgjhPYtc3wROFFCmC-lo2F~lujQq4Vag6jwzMSMRuQRtzb30XHvbTYJXGzLNJHcXt8ubY5N~R-PKltYwJc4HPJr1eNqOXBg__&Key-Pair-Id=KRSA", ""),
    "anything": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fV19&Signature=Qg5EyVZt0kgDTVI6z1RGkMyvWk97j2yVjdOQQouXRC6HFo14wZVObZFt2ixN5wJlJC80tfRZamvOWGDSkpq-T~Gy7JVe8VJws4QGXMa~I43QecH55QNJnOlp-EBtfLnGN95ZZWvMQ1cR9bu~-a4424343ALrgGLoVuJ0FhcbYefpamtRmQJDjNr6IQNqRCXh8jMKExznhsHDWFMm9aKKkm-w21qj9Y7ml8vyzxn~F9IgWUZnuDBuxvB47FQ~CCxgAmAWr473Pis5Pg3vW0qnJc6gAGB4rbKDMB3HKD21MtCgFc-zjFzoUcpDdKjrgmHdwY7xAqqASu2~8rVl8S2aLg__&Key-Pair-Id=KRSA", ""),
    "everything": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fV19&Signature=erbTN2LX6mO-900GS0FUasCTruXojhLaAo9tY-YqsJE2usMTkJGi2KztL3AqjrglHi4prhNBtYjoRVzbib9XVDWtDg37a6czifCPPottM3Pnv2PeZ4pJNr69s3Nlz5PiGibGwzNKyj2ajLucHDFjNOOoyRgvSgB0Buu0zE75irI6QYcMtjZIcj7kuYTFBpDbbzqQWNFre93Jl6nEklvUXLnTa4kegXTKlMH6GYd49M3vtful02-3wXpG8dtBZXdrVUm4T15TdLEEoJ~qPiC-4n9s7O1eyt3D-0WNAjQMF~gYH7W8X6amMF1xwHZeXMsByrRisuOBCnmhfHH8Cchl4w__&Key-Pair-Id=KRSA", ""),
    "httpsOnly": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9tZWRpYS50ZXN0LyoiLCJDb25kaXRpb24iOnsiRGF0ZUxlc3NUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjQxMDI0NDQ4MDB9fX1dfQ__&Signature=ZDlABSNhHlqDC4no9j4fkGVlpwepZbW-fzzgnCvLQ~BFH45htWe3J8Hgz93T5UxWKTE11GqXRO-ACFh6OTrnJoiGM8Q7APDQPsn~oo-fhzuBD82ZaMQWFdaXpgFKZYtHYlFQfiwmLXeRrkKocWkR5JsVU6RLZV2u~Ag5xMFd-mQTLmZKksPc8ujRZO7lwd8fi7q5-QOWjMhnS~Y5sBKIDlGxzRbI0wcIyCaBguSKey2thuzmfhrP~1YP1nMsaFjgIa3UQcnUeQ3HkXa1finSAJz4AlkJVie3mK07dp9kpH0P0Qmjvx8UoZ-eaNdCOet-RZeLGViknyosqy-4goDvGA__&Key-Pair-Id=KRSA", ""),
    "notYet": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cDovL21lZGlhLnRlc3QvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH0sIkRhdGVHcmVhdGVyVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjo0MTAyNDQ0Nzk5fX19XX0_&Signature=OH4Rnp-P~6HKgY44fUuyMYiE0NLMAhpAmTJ9X3Cl3beEexbEOavpwlCgqIJAzI0XEEhZoa51b0At6Jj-CNuZ1jIhyKLwTIr7At36GaIDrQgTk5axFukxnyZKR7dDexfw2Hl8YTkz~ICiLn5iWc8kBoe5rlG2M45q0ACh-Pb9hX05W1HAbYhXVSdhGlfQTZD-pJz81UnN8tFgskx1AMPoXQUjUfEB1FHZTdTakTl6WDiShGo90gwsMWm-8YoAv4JbUxm83NcfFMoiEp~pE5RrxROgocgbAa-kxmy8DikBDLv8TDpOTv6O~6J~35fa2T2u2cYcInJhN~TuqSVFIcgZgg__&Key-Pair-Id=KRSA", ""),
    "ended": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cDovL21lZGlhLnRlc3QvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6MTAwMDAwMDAwMH19fV19&Signature=BO9RCvQ560d~yZ72SsZBJdXUccpiC6tk7KNLRAciGHV8nAXHipTivIew3SCIf6CuWu2-lM15ryf63uIQ1y~FqmFbH72op6ItGyluvuYbtAqDOEj9ge55ai56WXM0kx0WvcVBboqeEPP1VRLXK~ZwYG31l5FEz4ONClv44SrGaLUugWY8KHPt83RQy~g9SNqyKLN8-UNkfJAcjJdpx0eRvkHiwe0Pq5z9TIdZm1Bmk5J0HbwxjoBYt7y3SJVrnBHKS3s6yRIb0ZnUtbtK66NvkoJg803oLaXDWF0SVnjEdY8p5T7j2slM0UnbeHqD-mzDIxpJatWfg~7GqOZKTllH1g__&Key-Pair-Id=KRSA", ""),
    "elsewhere": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cDovL21lZGlhLnRlc3Qvc29uZ3MvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fV19&Signature=XygxXxX9fOWih2AFF0DnFD99wywoCCgn6N4Kr1wz6ftmGLWnwEMdIAdi~PF4-2uHTLjPc0gh1YkpHmAJEKtc-9Fo~a6MTDLXYyOfPRwv1GuuC0H1~e6n4GrD8TJp1DtrEH4niskXkNkrVUKYZWdIti7S1pSr8tiW63WHL6CXLapdgZ1H4FSdYrgGXBRkAyXDiILMcX0t~U1mpNJQ5Q1LZwLjNCoLWlNLd0RnEnT5xOqDnXrIe1aYG3QIRUG9S~jYBJl7LxdA~wCZ48u1d5D3wguyoSEhbbmu71eYO3s9iQkY8TREiQlvLLoyZFU099mKzhW9DlVpyRSuTC0jtyn-6w__&Key-Pair-Id=KRSA", ""),
    "otherAddress": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH0sIklwQWRkcmVzcyI6eyJBV1M6U291cmNlSXAiOiIxOTIuMC4yLjAvMjQifX19XX0_&Signature=D7rJpJaRhRSeSmahResinwE~fLzjWfGz0Q29k2t3Qm2QRf7B4LZxxX8cqKWb2Aejquvd95cOikX8RN51jgukU0I9dYrFuRy5zNVFHbMF8hAduDt0WCG24znE5GmtYeyC3jI8k6V1a3OykwJOLjogN79cyOw00WVCyd~Yn5K78pFGVCAQcCRUY4JJww6WWZb1KgJDRrqrkkc5uGarp5vlkjUvLBusJQ1yMai6kJdlHJaBwq94Dv8eH6xx88sK3Lxd82erFnUlVAOzemCtTNecQmGlaltN~7kY1Qk~-bZHr7yw1mlXOGgwb0JVAy1tvuKChEShPapRKXAYN7p2HwGnXQ__&Key-Pair-Id=KRSA", ""),
    "anyAddress": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH0sIklwQWRkcmVzcyI6eyJBV1M6U291cmNlSXAiOiIwLjAuMC4wLzAifX19XX0_&Signature=0~4ZdmApk5B5eGBAcYrO0G6lUY1FubTEqzBrdmjuunnWEMAXrH5LyGxztvA6xrmfK~EnwjJQWmMER33QNJWq72RTp6hE74wIxH6fBU7AAQk6TmtMHujZ1o70D8bG2nFs0CDPe5ugGYuNqwSs5qaleSzIcDOTxYh1kOJQReLafzsyjeDqc5lVHuvxjallt-LWx1X8b0ucql1jrtApymuaZyYteCmGYJgSyHVpTncZdGZVGpwfZWgJFbM9P6X8vg~L~EK0kut8GNtdUJOx9VtEq1pqlSPDXpYnTn2vNfxfn4ZVG8Ww1Gje76LZN96AWNTCoLHPYZroNCNAP4TaumRFtw__&Key-Pair-Id=KRSA", ""),
    "dots": ("/open/../films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cDovL21lZGlhLnRlc3Qvb3Blbi8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjo0MTAyNDQ0ODAwfX19XX0_&Signature=orkYd1GJL8sGoSQ6QnqcnruyMEBmMxWgruJVzA7YyyjR320zJc--nNGJ9j4Yj7DF6FHpmj6~w3fll85k2ahXgVgZREGU~LyWHr5Icdp0YhOvluiCUcwZBQW0wZfEL9u0Gmvylt7RUKltn8Qsx3-DypeA2pImy1pSiAZAI5BDdJWAOoFeZQ7nBftGLeU59Wg-aoG9tM4-2HAd1SVy1830eRNsgRmbixeU-C1d8bsQx0eUgCFUZWY2KDvhb1VbI4FDa~oZrRN11DrejIVv9H56obSEquEpSAX3s8NZiI3tEk8HxFqLHK8G20KERaZjOSkiqH81zMrlpwRQ6TRW2csKYg__&Key-Pair-Id=KRSA", ""),
    "twoStatements": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fSx7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fV19&Signature=g2yIfInUluFnGCp-UYlKeZXwmFOdQ~wq8vvfoH7OhtH4z2YrcFKSwF4Wv9ftroiNnyINMfi1LqgWUrVtcFZw7RsJK6LFLYneUVy9Uyd4DOxjPpEOa1T-nCOg1VxSQH3Dh784nL~5yg7YWFXSehfm~5fs83zr~~0uPdRGS3C7V-jJ~e6rjuVVIELf2EJftRFx-0eWyKeJROc1DlYoaFPHXAmJg5Agr~buxXKfcEQyA7RtdrMF2VlKbd35unzWdPr2PeNnsCbkaeFlvjTV8RB0HTa7QczcBpKYHfKuzwcgO-IbCONeCjMW6H8lSyf2SJuhe3EmNZIIomwDQwn9aBbvBQ__&Key-Pair-Id=KRSA", ""),
    "unknownCondition": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6eyJJUEFkZHJlc3MiOnsiQVdTOlNvdXJjZUlwIjoiMTI3LjAuMC4xIn0sIkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjo0MTAyNDQ0ODAwfX19XX0_&Signature=A0u-V-LG6jgwXhek27dXBgv9Qslul3p2R6p9KQLWn3B-sfwf2vUlb4GZBRh-ugJxJMw-uV8btJiIyoV09Cbp3WO8grBO71K-iIreoW~FJFXT5LUlPmZV4rzBZVKQwxE2lqW32W57T48rbM-eB1p0H1N7o4qn2lE16usIZycQbzvLSthcJqzgFR3hMn4kDrtD3YpsddAqqGptPnUagJmXXI8a7x3atdUVSi0qBwM-BJbzZv7tQGsa4TqD6pKqxWGljt8t-9mUU86iXm8yFpj8i2NMsvEAGRYfeSDokbdbYnwYQQL~5w1VGQ6khmPEL0arNCYFC2bSr06ulm0lNn-smA__&Key-Pair-Id=KRSA", ""),
    "noEnd": ("/films/one.mp4?Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKiIsIkNvbmRpdGlvbiI6e319XX0_&Signature=xP5BkLkUE82oChzDJuC3Zc70xjiNh3921I0EZAEvea-DjqOnRMv-ZtyFqWA7-H3D4TIxPiChHkH3aXuLQxPQGEhtlU3El2n8ZlhCdZopHq1EvLZjrcoGuyZEg0F7l7TtAC64XTA~zGOG4-Leu8kITFoult7ygAhJqoTpi3~x7BcajtVQCGiOeAFnNS4sDtUTHrK~ZaOwVrAJq6o~zy~9vaup~k6xQjO~fyPn20mJBin5bNI8Uje7L7NfqVG9-kCq3wsQMYJCI-MR5X3Mp-4iHhsCS~2tLpZbpT8cLnzLIICtORJTaMisoh~koBvHZbr0-RfcnT5M2-HyJawukLcYuQ__&Key-Pair-Id=KRSA", ""),
    "withSpaces": ("/films/one.mp4?Policy=ewogICJTdGF0ZW1lbnQiOiBbCiAgICB7CiAgICAgICJSZXNvdXJjZSI6ICIqIiwKICAgICAgIkNvbmRpdGlvbiI6IHsKICAgICAgICAiRGF0ZUxlc3NUaGFuIjogewogICAgICAgICAgIkFXUzpFcG9jaFRpbWUiOiA0MTAyNDQ0ODAwCiAgICAgICAgfQogICAgICB9CiAgICB9CiAgXQp9&Signature=L7-JEj9ktY~ELWob~TdiENJsS39Rmtg76h4e0zQWS-9~N3VobtZIzEBjl7w7vx-kUXwY0Lv8uObZmp1iOa0rW10WbqNK6paKov7~kn80ItbVeSvcCiBjf53Yx6UMogd~29UzI1GBj5B2KrdmCF1ZfK9eyto3JXNN976oBdwZhTT9g5rZcdP~avYl-szHQeKUTbDmygsUTVmoQcJOoHWsixgoig4~zOeWdJyM7~rI0fcDRwVBqWv30zpzKOgBH0wPJfDMHh1-zlDzdgnuRiArn0LQyaEvye1xl3TUCUXSIJDFeDALJvtVF9XQl3ZoSx0sENnAMjMtdEPs9tudMz-Hsw__&Key-Pair-Id=KRSA", ""),
    "noJSON": ("/films/one.mp4?Policy=U3RhdGVtZW50&Signature=VE9sLi-LbN2X8PrjSvRmOM3txZuj0JREmAMaR6ab-NjkWVH9etQM9E~OsLwIPTYSjyxc8kPxznvl0Ua-I-AWrJvlwFNmwRnXR5vPgPYiV7vPNzHUZFRpDJdrBD4KVxsN7XMZHWr5B6kK5KDo1M0xbJmX~2tpmlUfilRW26KAw34U2eGJGZcLw9kQ1dtBwP4tLIcNIINHKeIq7SUY3vCjt3kfIL7J3YCFWSZPmeGYRUtlgudsf9MCqhB7efwfWrbyL7X-~7hA~fk4~RqoWdC2nYAs2uN40P8VbvhPzC8UoFDgGuiX9K7Af3VyP2BMtdUarK5AX7lXdIILGzNZLwGEpQ__&Key-Pair-Id=KRSA", ""),
    "cookieCustom": ("/", "CloudFront-Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cCo6Ly8qLnRlc3QvZmlsbXMvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fV19; CloudFront-Signature=W4AOv3gO7x-gKCbUWbD0nIWVZObdM~5GnBod28sv9IDycB5a-TZOGljnu7yvm3hE3rXaK3G0NX5H4ibp-9N9SKYx5FPu62rfTIvzFl2Vvl~DMGZ0kQFXdlaGcXk3WKu~eQDfVTEIyh7zaxqYxWq02gBW1Tfv1qy0-TjCH1t4g8CtOyHhDnJV0x6dnxo~lS~flw-IKY27feurfQGXxOolFYSnYq3Np2eTbgtpaE2gW9u4vnIkjLNQ7qMYUrUY1Ula1EIPTVYSR1bWMyLIWYXJuSy4LuQp5VnhGZXRwNyjyQHw2857uCqNb8mJauRH1d-xwZJgxEm7EJol7u-QbMtY3w__; CloudFront-Key-Pair-Id=KRSA"),
    "cookieCanned": ("/", "CloudFront-Expires=4102444800; CloudFront-Signature=F0DlmSFpPzAhsU81Oa49iNRdkwoQNaITmAqLAKP8~Qjdm7gU-~P4mY2mIhRT9-Jx1VLbH0v6viXVNCAQPPNycR1ouovykHgdLbrMmVly7qfhfhiIWG5wIUxOOWF3y9GtrLflTeqEcoeQZZO7eMqwFqnw9AWC73ACTsXvc2jKrv-zFuUB8eptdeq8aYZkjRKumE4As~kwOcPPTMqsq9bjgO0RYMrFxIb~UG2-D97shd6nxZy6mi8wdkibhfbFi-DIEfiJ1lA3prYkL1WXzRvL2-EwhJyWl~imzkdHD~hHfSgw3QnkwX-Rz-QAgAJeXUr76OlV5qDleVxTTyuCcqh5CQ__; CloudFront-Key-Pair-Id=KRSA"),
    "cookieECDSA": ("/", "CloudFront-Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKjovL21lZGlhLnRlc3QvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6NDEwMjQ0NDgwMH19fV19; CloudFront-Signature=MEYCIQDKvzpZTdXiOHnjJEY5eq5gpjUtapd9mm0zPiCs3GAvFAIhALttOXG7ph0MqPZ2~oop5Hik2j923o81ECCDhmD30z0G; CloudFront-Key-Pair-Id=KECDSA; CloudFront-Hash-Algorithm=SHA256"),
    "cookieExpired": ("/", "CloudFront-Policy=eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiKjovL21lZGlhLnRlc3QvKiIsIkNvbmRpdGlvbiI6eyJEYXRlTGVzc1RoYW4iOnsiQVdTOkVwb2NoVGltZSI6MTAwMDAwMDAwMH19fV19; CloudFront-Signature=JK5a34YWg-TvzAOWLZg4d1Wvx3qhUziErLvN-HzYbtjjCYNAwSJ-LOnXg1br3nAKJWCvkDPzn7tuZw2tJbftUeMOg8nFtvb86hT6JMD7O5dqSrtTHe96KKE3BDQlxjnGhLnYK2VWLwtLlUg9vseSn5jge08tCWbI7zLfGGui3PHLd~3ox7MxGdkJg1AWmzS77IsbeaY4~QeeoxSe4rw74exDRV8tpUjb9zTr3OTZtZt~vf4mWgRyIYsO6Xm3KshnyWFVTc0SII2gnW3xL7tHDs4Wv8XZgy8ylfK~5S9aJ8eVPlp6nnCZCHNEEVfGrD5RIiOEYHiaUhymf5A9pGU5uA__; CloudFront-Key-Pair-Id=KRSA"),
  ]
}
