// Peer of the signing rows: EU DSS signs one document again and again with the key of a PKCS#12 file, SHA-256, level B.
// usage: DssSigner P12 PASSWORD DOCUMENT pades|cades SECONDS     prints "per-cpu-second N", the median of five windows after two to warm up
import eu.europa.esig.dss.cades.CAdESSignatureParameters;
import eu.europa.esig.dss.cades.signature.CAdESService;
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.MimeTypeEnum;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.enumerations.SignaturePackaging;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.InMemoryDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.pades.PAdESSignatureParameters;
import eu.europa.esig.dss.pades.signature.PAdESService;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.token.DSSPrivateKeyEntry;
import eu.europa.esig.dss.token.Pkcs12SignatureToken;
import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore.PasswordProtection;
import java.util.Arrays;
import java.util.concurrent.Callable;

public final class DssSigner {
    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static Callable<byte[]> signer(String mode, byte[] bytes, Pkcs12SignatureToken token) {
        DSSPrivateKeyEntry key = token.getKeys().get(0);
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        PAdESService pades = new PAdESService(verifier);
        CAdESService cades = new CAdESService(verifier);
        return () -> {
            DSSDocument document = new InMemoryDocument(bytes, "document", MimeTypeEnum.BINARY);
            DSSDocument result;
            if (mode.equals("pades")) {
                PAdESSignatureParameters p = new PAdESSignatureParameters();
                p.setSignatureLevel(SignatureLevel.PAdES_BASELINE_B);
                p.setDigestAlgorithm(DigestAlgorithm.SHA256);
                p.setSigningCertificate(key.getCertificate());
                p.setCertificateChain(key.getCertificateChain());
                SignatureValue value = token.sign(pades.getDataToSign(document, p), DigestAlgorithm.SHA256, key);
                result = pades.signDocument(document, p, value);
            } else {
                CAdESSignatureParameters p = new CAdESSignatureParameters();
                p.setSignatureLevel(SignatureLevel.CAdES_BASELINE_B);
                p.setSignaturePackaging(SignaturePackaging.DETACHED);
                p.setDigestAlgorithm(DigestAlgorithm.SHA256);
                p.setSigningCertificate(key.getCertificate());
                p.setCertificateChain(key.getCertificateChain());
                SignatureValue value = token.sign(cades.getDataToSign(document, p), DigestAlgorithm.SHA256, key);
                result = cades.signDocument(document, p, value);
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            result.writeTo(out);
            return out.toByteArray();
        };
    }

    public static void main(String[] a) throws Exception {
        Callable<byte[]> one = signer(a[3], Files.readAllBytes(Path.of(a[2])), new Pkcs12SignatureToken(a[0], new PasswordProtection(a[1].toCharArray())));
        long window = (long) (Double.parseDouble(a[4]) * 1e9);
        double[] rates = new double[5];
        for (int i = -2; i < rates.length; i++) {
            long count = 0, cpu = cpuNanos(), end = System.nanoTime() + window;
            for (; System.nanoTime() < end; count++) one.call();
            if (i >= 0) rates[i] = count / ((cpuNanos() - cpu) / 1e9);
        }
        Arrays.sort(rates);
        System.out.println("per-cpu-second " + rates[2]);
    }
}
